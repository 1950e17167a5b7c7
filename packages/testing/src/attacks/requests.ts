import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Attack } from './attack.js'
import { type Attacker, NO_ANSWER } from './attacker.js'

const LIMIT_MS = 100_000
const STATUS = /HTTP\/1\.[01] (\d{3})/g
/** Longer than what a status line cut in two leaves of itself. */
const SEAM = 'HTTP/1.1 20'.length

const open = ({ target: { address, isTls } }: Attacker): Socket => {
  const { host = '127.0.0.1', port, tls } = address
  return isTls ? connectTls({ ...tls, host, port }) : connect(port, host)
}

/** Sends it all without waiting, and counts the statuses that come back until there are so many or the connection ends. */
const countStatuses = async (attacker: Attacker, bytes: string, count: number): Promise<readonly string[]> => {
  const socket = open(attacker)
  attacker.closeLater(socket)
  const statuses: string[] = []
  let text = ''
  const ended = new Promise<string>((resolve) => {
    socket.on('error', () => undefined)
    socket.on('close', () => resolve('closed'))
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      let last = 0
      for (const match of text.matchAll(STATUS)) {
        statuses.push(match[1] ?? '')
        last = match.index + match[0].length
      }
      text = text.slice(Math.max(last, text.length - SEAM))
      if (statuses.length >= count) resolve('all')
    })
  })
  socket.write(bytes)
  if ((await attacker.inTime(ended, LIMIT_MS)) === NO_ANSWER) statuses.push(NO_ANSWER)
  socket.destroy()
  return statuses
}

const requestOf = ({ target: { url } }: Attacker): string => `GET /x HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`

const REFUSED = '429 after a while'
const CONNECTIONS = 4

const pipelined: Attack = {
  name: 'pipelined-requests',
  threat: 'four connections without any token that send requests without waiting, and nobody else has a turn',
  refusals: [REFUSED],
  run: async (attacker) => {
    const count = attacker.size(50_000, 5000)
    const bytes = requestOf(attacker).repeat(count)
    const statuses = (
      await Promise.all(Array.from({ length: CONNECTIONS }, () => countStatuses(attacker, bytes, count)))
    ).flat()
    if (statuses.includes(NO_ANSWER)) attacker.saw('a connection', NO_ANSWER)
    const answered = statuses.filter((status) => status !== '429').length
    attacker.saw(
      `${CONNECTIONS * count} requests`,
      statuses.includes('429') ? REFUSED : answered === 0 ? 'none answered' : `${answered} answered`,
    )
  },
}

const short: Attack = {
  name: 'short-connections',
  threat: 'connections without end that bring one request each, and nobody else has a turn',
  refusals: ['answered'],
  refusedWith: 'all answered, in turn with others',
  run: async (attacker) => {
    const count = attacker.size(300, 50)
    const all = await Promise.all(Array.from({ length: count }, () => countStatuses(attacker, requestOf(attacker), 1)))
    attacker.sawAll(
      'connections',
      all.map(([status = 'closed']) => (status === NO_ANSWER || status === 'closed' ? status : 'answered')),
    )
  },
}

/** Requests of HTTP that are no handshakes. */
export const REQUEST_ATTACKS: readonly Attack[] = [pipelined, short]

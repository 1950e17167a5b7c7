import { frame, type RawSocket } from '../raw-socket.js'
import type { Attack } from './attack.js'
import { type Attacker, statusOf } from './attacker.js'
import { healthOf } from './health.js'
import { mutateCommand, mutateFrames, mutateRequest } from './mutate.js'

const BATCH = 50
const END_MS = 20_000
/** Of HTTP: everything but a failure of the server. */
// 100: the accident made an `Expect` of it, and the rest was never sent.
const STATUSES = ['100', '101', 'closed', ...Array.from({ length: 52 }, (_, index) => String(400 + index))]
const HTTP_CODES = [
  ...['400 bad-request', '400 bad-handshake', '400 unsupported-subprotocol', '403 foreign-origin', '404 not-found'],
  ...['405 method-not-allowed', '408 request-timeout', '413 payload-too-large', '417 unknown-expectation'],
  ...['426 upgrade-required', '429 rate-limited', '431 headers-too-large'],
]
/** Of WebSocket: everything that says whose fault it was. */
const CLOSES = ['closed', '1000', '1001', '1002', '1003', '1005', '1007', '1008', '1009', '4003', '4500', '4501']

/** Runs so many of them, some at a time, and looks at the node after each batch. */
const inBatches = async (attacker: Attacker, count: number, once: () => Promise<string>): Promise<void> => {
  const answers: string[] = []
  for (let start = 0; start < count; start += BATCH) {
    answers.push(...(await Promise.all(Array.from({ length: Math.min(BATCH, count - start) }, once))))
    const health = await healthOf(attacker.target)
    if (health !== 'ok') attacker.saw(`health after ${start + BATCH}`, health, ['ok'])
    attacker.letGo()
  }
  attacker.sawAll('of them', answers)
}

const handshakes: Attack = {
  name: 'fuzz-handshake',
  threat: 'a handshake that nobody thought of brings the node down, hangs, or is let in half',
  refusals: [...STATUSES, ...HTTP_CODES],
  refusedWith: '101, any 4xx, or closed',
  isLong: true,
  run: (attacker) =>
    inBatches(attacker, attacker.size(3000, 300), () => {
      const raw = attacker.dial()
      const protocol = attacker.random.chance(0.5) ? 'tidings.v1.json' : 'tidings.v1.msgpack'
      const request = attacker.handshake({
        Origin: `http://${attacker.target.url.host}`,
        'Sec-WebSocket-Protocol': protocol,
        'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
      })
      raw.socket.end(mutateRequest(request, attacker.random))
      return attacker.inTime(statusOf(raw), END_MS)
    }),
}

/** What was valid before it was changed: every command, in sessions that are let in and in others. */
const commandsFor = (attacker: Attacker): readonly Readonly<Record<string, unknown>>[] => {
  const channel = attacker.target.channel('fuzz')
  const token = attacker.token('eve')
  return [
    { type: 'connect', id: 1, token, client: 'fuzz' },
    { type: 'subscribe', id: 2, channel, sub: 1, policy: 'skip', rewind: { count: 3 }, presence: true },
    {
      type: 'publish',
      id: 3,
      channel,
      data: { text: 'fuzz' },
      publicationId: 'fuzz',
      key: 'a',
      tags: { a: 'b' },
      echo: false,
    },
    { type: 'history', id: 4, channel, direction: 'backward', limit: 5, at: 1e12 },
    { type: 'presence', id: 5, channel, action: 'enter', data: { name: 'eve' } },
    { type: 'refresh', id: 6, token },
    { type: 'unsubscribe', id: 7, channel, sub: 1 },
    { type: 'ping', id: 8 },
  ]
}

/** The code that it closed with; `internal` when a reply said that the node failed. */
const endOf = async (raw: RawSocket): Promise<string> => {
  await raw.ended
  const failed = raw.frames.some(({ opcode, payload }) => opcode < 3 && payload.includes('"internal"'))
  return failed ? 'an internal error' : String(raw.receivedClose ?? 'closed')
}

const GOODBYE = frame(Buffer.from([0x03, 0xe8]), { opcode: 8 })

const firstFrames: Attack = {
  name: 'fuzz-first-frames',
  threat: 'frames that nobody thought of bring the node down, hang, or are taken for something else',
  refusals: CLOSES,
  refusedWith: '1002, 1003, 1007, 1008, 1009, 4500, 4501, or answers and a goodbye',
  isLong: true,
  run: async (attacker) => {
    const { random } = attacker
    const [connect = {}, ...others] = commandsFor(attacker)
    await inBatches(attacker, attacker.size(3000, 300), async () => {
      const isBinary = random.chance(0.5)
      const raw = await attacker.openRaw({
        'Sec-WebSocket-Protocol': isBinary ? 'tidings.v1.msgpack' : 'tidings.v1.json',
        ...(random.chance(0.3) ? { 'Sec-WebSocket-Extensions': 'permessage-deflate' } : undefined),
      })
      if (!isBinary && random.chance(0.7)) raw.write(frame(JSON.stringify(connect)))
      const count = 1 + Math.floor(random.next() * 4)
      for (let index = 0; index < count; index++) {
        const command = others[Math.floor(random.next() * others.length)] ?? connect
        const chosen = index === 0 && isBinary ? connect : command
        raw.write(mutateFrames([random.chance(0.6) ? mutateCommand(chosen, random) : chosen], isBinary, random))
      }
      raw.socket.end(GOODBYE)
      return attacker.inTime(endOf(raw), END_MS)
    })
  },
}

/** What nobody thought of: valid input with accidents, from the run's seed. */
export const FUZZ_ATTACKS: readonly Attack[] = [handshakes, firstFrames]

import { connect } from 'node:net'
import { frame, type RawSocket } from '../raw-socket.js'
import type { Attack } from './attack.js'
import { type Attacker, statusOf } from './attacker.js'

const DROP_MS = 500
/** Longer than any deadline for headers should be. */
const PATIENCE_MS = 60_000

/** Whether others get in while the attack goes on. */
const othersGetIn = async (attacker: Attacker): Promise<void> => {
  const client = await attacker.session('bob')
  attacker.saw('somebody else, meanwhile', client.received[0]?.type ?? 'nothing', ['connected'])
  client.socket.terminate()
}

/** What the node ends each of them with, while others get in. */
const endings = async (attacker: Attacker, raws: readonly RawSocket[]): Promise<void> => {
  const ended = Promise.all(raws.map((raw) => attacker.inTime(statusOf(raw), PATIENCE_MS)))
  await othersGetIn(attacker)
  attacker.sawAll('connections', await ended)
}

const REQUEST = 'GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n'

const unfinished: Attack = {
  name: 'unfinished-handshakes',
  threat: 'a thousand connections that never finish their handshake take the place of others',
  refusals: ['408', '408 request-timeout', 'closed'],
  isLong: true,
  run: async (attacker) => {
    const beginnings = ['', 'GET', REQUEST, `${REQUEST}Sec-WebSocket-Key: AAAA`, attacker.handshake().slice(0, -2)]
    const raws = Array.from({ length: attacker.size(1000, 100) }, (_, index) => {
      const raw = attacker.dial()
      raw.write(beginnings[index % beginnings.length] ?? '')
      return raw
    })
    await endings(attacker, raws)
  },
}

const slowHeaders: Attack = {
  name: 'slow-headers',
  threat: 'a header that arrives byte by byte keeps a connection for ever',
  refusals: ['408', '408 request-timeout', 'closed'],
  isLong: true,
  run: async (attacker) => {
    const raws = Array.from({ length: attacker.size(200, 20) }, () => attacker.dial())
    for (const raw of raws) raw.write(`${REQUEST}X: `)
    const drops = setInterval(() => {
      for (const raw of raws)
        if (!raw.isOver() && raw.head === '') raw.write(attacker.random.chance(0.1) ? '\r\nX: ' : 'x')
    }, DROP_MS)
    await endings(attacker, raws).finally(() => clearInterval(drops))
  },
}

const silent: Attack = {
  name: 'silent-sessions',
  threat: 'connections that never say who they are stay for ever',
  refusals: ['4003'],
  isLong: true,
  run: async (attacker) => {
    const half = frame('x'.repeat(1000)).subarray(0, 500)
    const beginnings = [Buffer.alloc(0), half, frame('', { opcode: 9 }), frame('{"type":"ping","id":1}')]
    const raws = await Promise.all(
      Array.from({ length: attacker.size(200, 20) }, async (_, index) => {
        const raw = await attacker.openRaw()
        raw.write(beginnings[index % beginnings.length] ?? '')
        return raw
      }),
    )
    const ended = Promise.all(raws.map((raw) => attacker.closeOf(raw, PATIENCE_MS)))
    await othersGetIn(attacker)
    attacker.sawAll('connections', await ended)
  },
}

/** A ClientHello that says it has 512 bytes, and stops. */
const HALF_HELLO = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03])

const unfinishedTls: Attack = {
  name: 'unfinished-tls',
  threat: 'handshakes of TLS that never end, which cost more than those of HTTP',
  refusals: ['closed'],
  isLong: true,
  obstacle: ({ target }) => (target.isTls ? undefined : 'the address has no TLS'),
  run: async (attacker) => {
    const { host = '127.0.0.1', port } = attacker.target.address
    const answers = Array.from({ length: attacker.size(300, 30) }, (_, index) => {
      const socket = connect(port, host)
      attacker.closeLater(socket)
      socket.on('error', () => undefined)
      socket.resume()
      if (index % 2 === 0) socket.write(HALF_HELLO)
      return attacker.inTime(new Promise((resolve) => socket.once('close', () => resolve('closed'))), PATIENCE_MS)
    })
    await othersGetIn(attacker)
    attacker.sawAll('connections', await Promise.all(answers))
  },
}

/** Too little of what is right, too slowly. */
export const SLOW_ATTACKS: readonly Attack[] = [unfinished, slowHeaders, silent, unfinishedTls]

import { deflateRawSync } from 'node:zlib'
import { frame } from '../raw-socket.js'
import type { Attack } from './attack.js'
import { type Attacker, statusOf } from './attacker.js'

const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
const MIB = 1024 * 1024
const COMPRESSED = 4

const needsCompression = ({ facts }: Attacker): string | undefined =>
  facts.compresses ? undefined : 'the node does not take permessage-deflate'

const bomb: Attack = {
  name: 'deflate-bomb',
  threat: 'a frame of some kilobytes inflates to a thousand times as much',
  refusals: ['1009'],
  obstacle: needsCompression,
  run: async (attacker) => {
    const bytes = deflateRawSync(Buffer.alloc(attacker.size(64, 64) * MIB, ' '), { level: 9 })
    const half = Math.floor(bytes.length / 2)
    const shapes: Readonly<Record<string, Buffer>> = {
      'in one frame': frame(bytes, { reserved: COMPRESSED }),
      'in two fragments': Buffer.concat([
        frame(bytes.subarray(0, half), { reserved: COMPRESSED, fin: false }),
        frame(bytes.subarray(half), { opcode: 0 }),
      ]),
    }
    for (const [what, shape] of Object.entries(shapes)) {
      const raw = await attacker.openRaw(OFFER)
      raw.write(shape)
      attacker.saw(what, await attacker.closeOf(raw))
    }
    const many = Array.from({ length: attacker.size(30, 10) }, () => attacker.openRaw(OFFER))
    const answers = (await Promise.all(many)).map((raw) => {
      raw.write(frame(bytes, { reserved: COMPRESSED }))
      return attacker.closeOf(raw)
    })
    attacker.sawAll('connections at once', await Promise.all(answers))
  },
}

const damaged: Attack = {
  name: 'damaged-deflate',
  threat: 'bytes that are no compressed frame end more than their own connection',
  refusals: ['1007'],
  obstacle: needsCompression,
  run: async (attacker) => {
    const whole = deflateRawSync(Buffer.from('{"type":"ping","id":1}'))
    const cases: Readonly<Record<string, Buffer>> = {
      'no block that there is': Buffer.from([0xff, 0xff, 0xff, 0xff]),
      'a reference to before the beginning': Buffer.from([0x4b, 0x04, 0xa2, 0x51, 0x14]),
      'a damaged block': Buffer.concat([whole.subarray(0, 4), Buffer.from([0xff, 0xff, 0xff]), whole.subarray(7)]),
    }
    for (const [what, bytes] of Object.entries(cases)) {
      const raw = await attacker.openRaw(OFFER)
      raw.write(frame(bytes, { reserved: COMPRESSED }))
      attacker.saw(what, await attacker.closeOf(raw), ['1007', '4500'])
    }
  },
}

const uninvited: Attack = {
  name: 'uninvited-deflate',
  threat: 'a compressed frame is inflated though nobody agreed on that',
  refusals: ['1002'],
  run: async (attacker) => {
    const raw = await attacker.openRaw()
    raw.write(frame(deflateRawSync(Buffer.alloc(MIB, ' ')), { reserved: COMPRESSED }))
    attacker.saw('without an offer', await attacker.closeOf(raw))
  },
}

const OFFERS = [
  'permessage-deflate; server_max_window_bits=1',
  'permessage-deflate; client_max_window_bits=99',
  'permessage-deflate; server_no_context_takeover=1',
  'permessage-deflate; constructor',
  'permessage-deflate; __proto__=1',
  'permessage-deflate; client_max_window_bits; client_max_window_bits',
]

const strangeOffers: Attack = {
  name: 'strange-offers',
  threat: 'parameters of the offer make the node compress in a way that nobody can read, or not start at all',
  refusals: ['declined'],
  obstacle: needsCompression,
  run: async (attacker) => {
    for (const offer of OFFERS) {
      const raw = attacker.dial()
      raw.write(attacker.handshake({ 'Sec-WebSocket-Extensions': offer }))
      const status = await attacker.inTime(statusOf(raw))
      const isTaken = /^sec-websocket-extensions:/im.test(raw.head)
      attacker.saw(offer, status !== '101' ? status : isTaken ? 'taken' : 'declined')
    }
  },
}

/** What is small on the wire and large behind it. */
export const COMPRESSION_ATTACKS: readonly Attack[] = [bomb, damaged, uninvited, strangeOffers]

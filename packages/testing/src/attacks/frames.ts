import { fragments, frame, type RawSocket } from '../raw-socket.js'
import type { Attack } from './attack.js'

const JSON_FRAMES: Readonly<Record<string, readonly [bytes: (maxFrameBytes: number) => Buffer, refusal: string]>> = {
  'a frame that is too large': [(max) => frame('x'.repeat(max + 1)), '1009'],
  'a header that claims 9 exabytes': [
    () => Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
    '1009',
  ],
  'fragments that add up to too much': [(max) => fragments(['x'.repeat(max), 'x'], 1), '1009'],
  'a hundred thousand fragments': [() => fragments(new Array<string>(100_000).fill(''), 1), '1008'],
  'a frame without a mask': [() => frame('{}', { masked: false }), '1002'],
  'a reserved bit': [() => frame('{}', { reserved: 1 }), '1002'],
  'an opcode that is none': [() => frame('{}', { opcode: 5 }), '1002'],
  'a ping of 126 bytes': [() => frame('x'.repeat(126), { opcode: 9 }), '1002'],
  'a continuation of nothing': [() => frame('x', { opcode: 0 }), '1002'],
  'bytes that are no UTF-8': [() => frame(Buffer.from([0xc3, 0x28])), '1007'],
  'bytes in place of text': [() => frame('{}', { opcode: 2 }), '1003'],
  'half an object': [() => frame('{"type":'), '4500'],
  'lists in lists, 60,000 deep': [() => frame('['.repeat(60_000) + ']'.repeat(60_000)), '4500'],
  'an id that is no number': [() => frame('{"type":"ping","id":{}}'), '4500'],
}

const claim = (...bytes: readonly number[]): Buffer => frame(Buffer.from(bytes), { opcode: 2 })

/** A few bytes that claim to be the beginning of gigabytes, and depths that a recursive reader does not come back from. */
const MSGPACK_FRAMES: Readonly<Record<string, Buffer>> = {
  'a map of 4 billion entries': claim(0xdf, 255, 255, 255, 255, 0xa1, 0x61),
  'a list of 4 billion items': claim(0xdd, 255, 255, 255, 255, 0xc0),
  'a text of 4 GB': claim(0xdb, 255, 255, 255, 255, 0x41),
  'bytes of 4 GB': claim(0xc6, 255, 255, 255, 255, 0x41),
  'lists in lists, 100,000 deep': frame(Buffer.alloc(100_000, 0x91), { opcode: 2 }),
  'maps in lists in maps': frame(Buffer.from(new Array<number[]>(5000).fill([0x81, 0xa1, 0x61, 0x91]).flat()), {
    opcode: 2,
  }),
  'an extension type': claim(0xc7, 1, 1, 0),
  'a code that is none': claim(0xc1),
}

const malformed: Attack = {
  name: 'malformed-frames',
  threat: 'one frame brings the node down, or makes it keep gigabytes',
  refusals: ['1002', '1003', '1007', '1008', '1009', '4500'],
  run: async (attacker) => {
    for (const [what, [bytes, refusal]] of Object.entries(JSON_FRAMES)) {
      const raw = await attacker.openRaw()
      raw.write(bytes(attacker.facts.limits.maxFrameBytes))
      attacker.saw(what, await attacker.closeOf(raw), [refusal])
    }
  },
}

const claims: Attack = {
  name: 'msgpack-claims',
  threat: 'a few bytes of MessagePack claim millions of items, and the node makes room for them',
  refusals: ['4500'],
  run: async (attacker) => {
    for (const [what, bytes] of Object.entries(MSGPACK_FRAMES)) {
      const raw = await attacker.openRaw({ 'Sec-WebSocket-Protocol': 'tidings.v1.msgpack' })
      raw.write(bytes)
      attacker.saw(what, await attacker.closeOf(raw))
    }
  },
}

const garbage: Attack = {
  name: 'garbage',
  threat: 'many connections of bytes that are no frames keep the node busy',
  refusals: ['1002'],
  run: async (attacker) => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => ((index * 7919) % 251) | 0x70))
    const raws: RawSocket[] = []
    for (let count = 0; count < attacker.size(50, 10); count++) raws.push(await attacker.openRaw())
    for (const raw of raws) raw.write(bytes)
    const answers = await Promise.all(raws.map((raw) => attacker.closeOf(raw)))
    attacker.sawAll('connections', answers)
  },
}

/** Frames that are none, one at a time. */
export const FRAME_ATTACKS: readonly Attack[] = [malformed, claims, garbage]

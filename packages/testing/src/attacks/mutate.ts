import { msgpackCodec } from '@tidings/protocol/msgpack'
import type { Random } from '../random.js'
import { frame } from '../raw-socket.js'

/** A whole number from 0 up to, not including, the limit. */
const below = (random: Random, limit: number): number => Math.floor(random.next() * limit)

const pick = <Item>(random: Random, items: readonly [Item, ...Item[]]): Item =>
  items[below(random, items.length)] ?? items[0]

const randomBytes = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => below(random, 256)))

type BytesChange = (bytes: Buffer, at: number, random: Random) => Buffer

const SIGNS: readonly [number, ...number[]] = [0, 1, 9, 10, 13, 32, 58, 0x7f, 0x80, 0xfe, 0xff]

const BYTES_CHANGES: readonly [BytesChange, ...BytesChange[]] = [
  // A bit is another one.
  (bytes, at, random) => {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ (1 << below(random, 8))
    return changed
  },
  // It ends early.
  (bytes, at) => bytes.subarray(0, at),
  // A piece is missing, is there twice, or is something else.
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(random, 16))]),
  (bytes, at, random) => Buffer.concat([bytes.subarray(0, at + below(random, 40)), bytes.subarray(at)]),
  (bytes, at, random) =>
    Buffer.concat([bytes.subarray(0, at), randomBytes(random, 1 + below(random, 16)), bytes.subarray(at)]),
  (bytes, at, random) => {
    const changed = Buffer.from(bytes)
    changed[at] = pick(random, SIGNS)
    return changed
  },
]

/** The same bytes with one to four accidents. */
export const mutateBytes = (bytes: Buffer, random: Random): Buffer => {
  let changed = bytes
  for (let times = 1 + below(random, 4); times > 0; times--) {
    changed = pick(random, BYTES_CHANGES)(changed, below(random, Math.max(1, changed.length)), random)
  }
  return changed
}

const VALUES: readonly [string, ...string[]] = [
  '',
  '0',
  '-1',
  'x',
  '13, 13',
  '\u0000',
  'é'.repeat(100),
  '"',
  '%00',
  ',',
  ';',
  '99999999999999999999',
]
const METHODS: readonly [string, ...string[]] = [
  'POST',
  'get',
  'PRI',
  'CONNECT',
  'GET\t',
  'HTTP/1.1',
  'OPTIONS',
  'G'.repeat(5000),
]
const VERSIONS: readonly [string, ...string[]] = ['HTTP/1.0', 'HTTP/2.0', 'HTTP/9.9', 'http/1.1', '', 'HTTP/1.1 x']
const LINES: readonly [string, ...string[]] = [
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'Expect: 100-continue',
  ' folded',
  ':',
  'Sec-WebSocket-Extensions: permessage-deflate; x',
  'Upgrade: h2c',
  'Connection: close',
]

type LinesChange = (lines: string[], at: number, random: Random) => void

const LINES_CHANGES: readonly [LinesChange, ...LinesChange[]] = [
  (lines, at) => void lines.splice(at, 0, lines[at] ?? ''),
  (lines, at) => void lines.splice(at, 1),
  (lines, at, random) => void lines.splice(at, 1, `${(lines[at] ?? '').split(':')[0]}: ${pick(random, VALUES)}`),
  (lines, at, random) => void lines.splice(at, 0, pick(random, LINES)),
  (lines, at, random) => void lines.splice(at, 0, `X-Long: ${'x'.repeat(below(random, 40_000))}`),
  (lines, at, random) =>
    void lines.splice(at, 0, ...Array.from({ length: below(random, 3000) }, (_, index) => `X-${index}: 1`)),
  (lines, _at, random) => void lines.splice(0, 1, (lines[0] ?? '').replace(/^\S+/, pick(random, METHODS))),
  (lines, _at, random) => void lines.splice(0, 1, (lines[0] ?? '').replace(/HTTP.*$/, pick(random, VERSIONS))),
  (lines) => void lines.reverse(),
]

/** A request whose lines or bytes are not what they were. */
export const mutateRequest = (request: string, random: Random): Buffer => {
  const lines = request.split('\r\n').slice(0, -2)
  for (let times = below(random, 3); times > 0; times--)
    pick(random, LINES_CHANGES)(lines, below(random, lines.length), random)
  const end = random.chance(0.1) ? '\n' : '\r\n'
  const bytes = Buffer.from(`${lines.join(end)}${end}${end}`)
  return random.chance(0.5) ? mutateBytes(bytes, random) : bytes
}

const ODD: readonly [unknown, ...unknown[]] = [
  null,
  '',
  -1,
  0,
  1.5,
  2 ** 53,
  1e308,
  true,
  [],
  {},
  'x'.repeat(300),
  '\ud800',
  '\u0000',
  { constructor: 1 },
  [[[[]]]],
  'toString',
]

/** A command with fields that are odd, missing, or new. */
export const mutateCommand = (
  command: Readonly<Record<string, unknown>>,
  random: Random,
): Readonly<Record<string, unknown>> => {
  const names = Object.keys(command)
  const changed: Record<string, unknown> = { ...command }
  for (let times = 1 + below(random, 2); times > 0; times--) {
    const name = random.chance(0.9) ? (names[below(random, names.length)] ?? 'type') : 'later'
    if (random.chance(0.2)) Reflect.deleteProperty(changed, name)
    else changed[name] = pick(random, ODD)
  }
  return changed
}

/** The codec's bytes of a command or a list of them, perhaps with accidents. */
const payloadOf = (commands: readonly object[], isBinary: boolean, random: Random): Buffer => {
  const value = commands.length === 1 && random.chance(0.7) ? commands[0] : commands
  const bytes = isBinary ? Buffer.from(msgpackCodec.encode(value ?? {})) : Buffer.from(JSON.stringify(value))
  return random.chance(0.5) ? mutateBytes(bytes, random) : bytes
}

/** One message in frames that are right, or of a wrong kind, in pieces, without a mask, or with accidents. */
export const mutateFrames = (commands: readonly object[], isBinary: boolean, random: Random): Buffer => {
  const payload = payloadOf(commands, isBinary, random)
  const opcode = random.chance(0.1) ? below(random, 16) : isBinary ? 2 : 1
  const shape = { opcode, reserved: random.chance(0.1) ? below(random, 8) : 0, masked: !random.chance(0.05) }
  const at = below(random, payload.length + 1)
  const bytes = random.chance(0.2)
    ? Buffer.concat([
        frame(payload.subarray(0, at), { ...shape, fin: false }),
        frame(payload.subarray(at), { ...shape, opcode: random.chance(0.8) ? 0 : opcode }),
      ])
    : frame(payload, { ...shape, fin: !random.chance(0.05) })
  return random.chance(0.3) ? mutateBytes(bytes, random) : bytes
}

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'

/** Where a node listens. */
export interface RawAddress {
  /** Default 127.0.0.1. */
  readonly host?: string
  readonly port: number
  /** With TLS, and these options for it. */
  readonly tls?: ConnectionOptions
}

/** By name; undefined leaves out a header that is there by default, and a list stands for one that is repeated. */
export type RawHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

export interface FrameShape {
  readonly fin?: boolean
  readonly opcode?: number
  readonly reserved?: number
  readonly masked?: boolean
}

/** One frame as a client sends it (RFC 6455, section 5.2), or as it must not. */
export const frame = (
  payload: string | Uint8Array,
  { fin = true, opcode = 1, reserved = 0, masked = true }: FrameShape = {},
): Buffer => {
  const body = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  const maskBit = masked ? 0x80 : 0
  const header =
    body.length < 126
      ? Buffer.from([first, maskBit | body.length])
      : body.length < 65_536
        ? Buffer.from([first, maskBit | 126, body.length >> 8, body.length & 0xff])
        : Buffer.concat([Buffer.from([first, maskBit | 127, 0, 0, 0, 0]), uint32(body.length)])
  if (!masked) return Buffer.concat([header, body])
  const mask = randomBytes(4)
  const hidden = Buffer.from(body.map((byte, index) => byte ^ (mask[index & 3] ?? 0)))
  return Buffer.concat([header, mask, hidden])
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A message in many fragments. */
export const fragments = (pieces: readonly (string | Uint8Array)[], opcode: number): Buffer =>
  Buffer.concat(
    pieces.map((piece, index) => frame(piece, { fin: index === pieces.length - 1, opcode: index === 0 ? opcode : 0 })),
  )

/** The opcode of a close frame. */
const CLOSE = 8
/** What WebSocket says for one without a code. */
const NO_CODE = 1005

export interface ReceivedFrame {
  readonly opcode: number
  readonly payload: Buffer
}

/** The HTTP request that opens a WebSocket. */
export const handshake = (path = '/ws', headers: RawHeaders = {}, method = 'GET', version = 'HTTP/1.1'): string => {
  const all: RawHeaders = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, values]) =>
    [values ?? []].flat().map((value) => `${name}: ${value}`),
  )
  return `${[`${method} ${path} ${version}`, ...lines].join('\r\n')}\r\n\r\n`
}

/** A TCP connection on which a test writes bytes, and reads what the server says. */
export class RawSocket {
  readonly socket: Socket
  /** The HTTP response; empty until it is whole. */
  head = ''
  readonly frames: ReceivedFrame[] = []
  readonly ended: Promise<unknown>
  #bytes = Buffer.alloc(0)
  #waiting: (() => void)[] = []
  #hasEnded = false

  /** A number is a port of this machine. */
  constructor(address: number | RawAddress) {
    const { host = '127.0.0.1', port, tls } = typeof address === 'number' ? { port: address } : address
    this.socket = tls === undefined ? connect(port, host) : connectTls({ ...tls, host, port })
    this.socket.on('error', () => undefined)
    this.socket.on('data', (bytes: Buffer) => this.#receive(bytes))
    this.ended = once(this.socket, 'close').then(() => {
      this.#hasEnded = true
      this.#wake()
    })
  }

  /** Makes the handshake. Rejects when it is refused. */
  static async open(address: number | RawAddress, path?: string, headers?: RawHeaders): Promise<RawSocket> {
    const raw = new RawSocket(address)
    raw.write(handshake(path, headers))
    await raw.until(() => raw.head !== '')
    if (!raw.head.startsWith('HTTP/1.1 101')) throw new Error(raw.head)
    return raw
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  get status(): number {
    return Number(this.head.split(' ')[1])
  }

  /** What followed the head of a response that is no upgrade. */
  get body(): unknown {
    return JSON.parse(this.#bytes.toString()) as unknown
  }

  /** Messages of text frames, as JSON. */
  get messages(): readonly unknown[] {
    return this.frames
      .filter(({ opcode }) => opcode === 1)
      .map(({ payload }) => JSON.parse(payload.toString()) as unknown)
  }

  /** Resolves when it is so; rejects when the socket closes before. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.isOver()) throw new Error('the socket closed before')
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** The code of the server's close frame, 1005 when it has none; undefined: no such frame has come. */
  get receivedClose(): number | undefined {
    const payload = this.#closeFrame?.payload
    if (payload === undefined) return undefined
    return payload.length < 2 ? NO_CODE : payload.readUInt16BE(0)
  }

  /** The same once it has come or the socket has closed without one. Answers it. */
  async closeCode(): Promise<number | undefined> {
    await Promise.race([this.until(() => this.#closeFrame !== undefined), this.ended])
    const close = this.#closeFrame
    if (close === undefined) return undefined
    this.write(frame(close.payload, { opcode: CLOSE }))
    await this.ended
    return this.receivedClose
  }

  /** Whether the socket has closed. A method, because it changes while something is awaited. */
  isOver(): boolean {
    return this.#hasEnded
  }

  get #closeFrame(): ReceivedFrame | undefined {
    return this.frames.find(({ opcode }) => opcode === CLOSE)
  }

  #receive(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes])
    if (this.head === '') {
      const end = this.#bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      this.head = this.#bytes.subarray(0, end).toString()
      this.#bytes = this.#bytes.subarray(end + 4)
    }
    if (this.status === 101) this.#readFrames()
    this.#wake()
  }

  #readFrames(): void {
    for (;;) {
      if (this.#bytes.length < 2) return
      const short = this.#bytes.readUInt8(1)
      const start = short < 126 ? 2 : short === 126 ? 4 : 10
      if (this.#bytes.length < start) return
      const length =
        short < 126 ? short : short === 126 ? this.#bytes.readUInt16BE(2) : Number(this.#bytes.readBigUInt64BE(2))
      if (this.#bytes.length < start + length) return
      this.frames.push({
        opcode: this.#bytes.readUInt8(0) & 0x0f,
        payload: this.#bytes.subarray(start, start + length),
      })
      this.#bytes = this.#bytes.subarray(start + length)
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

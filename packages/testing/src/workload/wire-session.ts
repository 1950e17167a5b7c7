import { type Codec, type Command, isRecord, type ServerMessage } from '@tidings/protocol'
import type { WebSocket } from 'ws'
import type { ClientLink } from './client-link.js'

type CommandWithoutId = Command extends infer Each ? (Each extends Command ? Omit<Each, 'id'> : never) : never

/** One connection that speaks the wire protocol without the SDK, and keeps nothing. */
export class WireSession {
  readonly socket: WebSocket
  /** Resolves once it is closed, for whatever reason. */
  readonly closed: Promise<void>
  readonly #codec: Codec
  readonly #onMessage: (message: ServerMessage) => void
  #nextId = 1

  /** `onMessage` gets every message in order; the first one is the reply to `connect`. */
  constructor(
    link: ClientLink,
    url: string,
    codec: Codec,
    identity: { readonly token: string; readonly client: string },
    onMessage: (message: ServerMessage) => void,
  ) {
    this.#codec = codec
    this.#onMessage = onMessage
    this.socket = new link.WebSocket(url, [codec.subprotocol])
    this.socket.on('open', () => this.send({ type: 'connect', ...identity }))
    this.socket.on('message', (data: Buffer, isBinary) => this.#receive(isBinary ? data : data.toString()))
    this.socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => this.socket.on('close', () => resolve()))
  }

  /** Sends commands in one frame. Returns the id of the first; the others follow it. */
  send(...commands: readonly CommandWithoutId[]): number {
    const first = this.#nextId
    const messages = commands.map((command) => ({ ...command, id: this.#nextId++ }))
    if (this.socket.readyState === this.socket.OPEN) {
      this.socket.send(this.#codec.encode(messages.length === 1 ? (messages[0] ?? {}) : messages))
    }
    return first
  }

  end(): void {
    this.socket.terminate()
  }

  #receive(frame: string | Uint8Array): void {
    for (const message of this.#codec.decode(frame) ?? []) {
      if (isRecord(message)) this.#onMessage(message as unknown as ServerMessage)
    }
  }
}

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type Command, type CommandType, type ConnectedReply, jsonCodec, type ServerMessage } from '@tidings/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import { onTestFinished } from 'vitest'

type CommandOf<Type extends CommandType> = Extract<Command, { readonly type: Type }>

/** Items that are waited for, in the order they come. */
class Inbox<Item> {
  readonly #items: Item[] = []
  readonly #takers: ((item: Item) => void)[] = []

  get size(): number {
    return this.#items.length
  }

  put(item: Item): void {
    const taker = this.#takers.shift()
    if (taker === undefined) this.#items.push(item)
    else taker(item)
  }

  takeAll(): Item[] {
    return this.#items.splice(0)
  }

  take(): Promise<Item> {
    const item = this.#items.shift()
    return item === undefined ? new Promise((resolve) => this.#takers.push(resolve)) : Promise.resolve(item)
  }
}

/** One client's connection, whose other end the test plays. */
export class Peer {
  readonly socket: WebSocket
  readonly closed: Promise<number>
  /** Frames as they came, and how many bytes the largest had. */
  readonly frames: string[] = []
  readonly #commands = new Inbox<Command>()

  constructor(socket: WebSocket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.on('close', resolve))
    socket.on('error', () => undefined)
    socket.on('message', (data: Buffer) => {
      this.frames.push(data.toString())
      for (const command of jsonCodec.decode(data.toString()) ?? []) this.#commands.put(command as Command)
    })
  }

  /** How many commands nobody took. */
  get waiting(): number {
    return this.#commands.size
  }

  any(): Promise<Command> {
    return this.#commands.take()
  }

  async next<Type extends CommandType>(type: Type): Promise<CommandOf<Type>> {
    const command = await this.#commands.take()
    if (command.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(command)}`)
    return command as CommandOf<Type>
  }

  /** In one frame. */
  send(...messages: ServerMessage[]): void {
    this.socket.send(jsonCodec.encode(messages))
  }

  async welcome(changes: Partial<ConnectedReply> = {}): Promise<CommandOf<'connect'>> {
    const connect = await this.next('connect')
    this.send({
      type: 'connected',
      id: connect.id,
      session: 's',
      user: 'ann',
      time: 0,
      pingIntervalMs: 25_000,
      retryWindowMs: 60_000,
      limits: { maxFrameBytes: 65_536, maxPayloadBytes: 16_384, maxSubscriptions: 100, maxHistoryPage: 100 },
      ...changes,
    })
    return connect
  }

  /** Takes a subscribe command and answers it. */
  async subscribed(position = 'p0'): Promise<CommandOf<'subscribe'>> {
    const command = await this.next('subscribe')
    const { id, channel, sub } = command
    this.send({ type: 'subscribed', id, channel, position, ...(sub !== undefined && { sub }) })
    return command
  }

  async unsubscribed(): Promise<CommandOf<'unsubscribe'>> {
    const command = await this.next('unsubscribe')
    const { id, channel, sub } = command
    this.send({ type: 'unsubscribed', id, channel, ...(sub !== undefined && { sub }) })
    return command
  }

  /** Takes a publish command and acknowledges it with this offset. */
  async published(offset = 1): Promise<CommandOf<'publish'>> {
    const command = await this.next('publish')
    this.acknowledge(command, offset)
    return command
  }

  acknowledge({ id, publicationId }: CommandOf<'publish'>, offset = 1): void {
    const place = { position: `p${offset}`, offset, time: offset }
    this.send({ type: 'published', id, ...place, publicationId: publicationId ?? '', durability: 'disk' })
  }

  /** Answers every command that waits as a server does that allows everything and has nothing stored. */
  answerAll(): void {
    for (const command of this.#commands.takeAll()) this.#answer(command)
  }

  #answer(command: Command): void {
    const { id } = command
    switch (command.type) {
      case 'subscribe': {
        const { channel, sub } = command
        const name = { channel, ...(sub !== undefined && { sub }) }
        this.send({ type: 'subscribed', id, ...name, position: 'p0' }, { type: 'caught-up', ...name, position: 'p0' })
        break
      }
      case 'publish':
        this.acknowledge(command)
        break
      case 'history':
        this.send({ type: 'history', id, channel: command.channel, publications: [], position: 'p0', more: false })
        break
      default:
        throw new Error(`no answer to ${command.type}`)
    }
  }

  refuse({ id }: Command, code: 'forbidden' | 'overloaded' | 'unavailable' | 'unauthorized', retryable = false): void {
    this.send({ type: 'error', id, code, message: code, retryable })
  }

  /** Pushes publications with these offsets, positions p1, p2, … and data {n}. */
  push(channel: string, offsets: readonly number[], sub?: number): void {
    const publications = offsets.map((offset) => publication(offset))
    this.send({ type: 'publications', channel, publications, ...(sub !== undefined && { sub }) })
  }
}

export const publication = (offset: number) => ({
  offset,
  position: `p${offset}`,
  time: offset,
  data: { n: offset },
  publisher: 'bob',
  id: `id${offset}`,
})

/** A WebSocket server on a free port of loopback that does nothing by itself; closed when the test ends. */
export class ScriptedServer {
  readonly #server: WebSocketServer
  readonly #peers = new Inbox<Peer>()
  /** Connections so far. */
  accepted = 0

  private constructor(server: WebSocketServer) {
    this.#server = server
    server.on('connection', (socket) => {
      this.accepted++
      this.#peers.put(new Peer(socket))
    })
  }

  static async start(): Promise<ScriptedServer> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    onTestFinished(() => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    })
    return new ScriptedServer(server)
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The next connection. */
  peer(): Promise<Peer> {
    return this.#peers.take()
  }
}

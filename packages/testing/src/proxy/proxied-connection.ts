import type { Socket } from 'node:net'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { Pipe, type PipeRules } from './pipe.js'

export type OneWay = 'to-server' | 'to-client'
export type Direction = OneWay | 'both'

export type CutKind = 'cut' | 'reset' | 'goodbye'

/** Close frames with 1001 (RFC 6455, 5.5.1); a server is sent masked ones only, here with a mask of zeros. */
const GOODBYE_TO_CLIENT = Buffer.from([0x88, 2, 0x03, 0xe9])
const GOODBYE_TO_SERVER = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9])

/** A side that does not close by itself after its FIN is let go of after this long. */
const LINGER_MS = 2000
/** So long after a goodbye both sides are cut, and so many turns: after this process stood still, answers wait to be read. */
const ANSWER_MS = 50
const ANSWER_TURNS = 5

/** One connection through the proxy: a socket to the client, one to the server, and what is done to the bytes between. */
export class ProxiedConnection {
  readonly id: number
  /** The client's own port: tells which connection is whose. */
  readonly clientPort: number
  /** The port that the proxy led to when this connection was made. */
  readonly targetPort: number
  /** Resolves once both sockets are closed. */
  readonly closed: Promise<void>
  readonly #client: Socket
  readonly #server: Socket
  readonly #toServer: Pipe
  readonly #toClient: Pipe
  #isHalfOpen = false

  constructor(id: number, client: Socket, server: Socket, targetPort: number) {
    this.id = id
    this.clientPort = client.remotePort ?? 0
    this.targetPort = targetPort
    this.#client = client
    this.#server = server
    this.#toServer = new Pipe(client, server, () => this.#sourceEnded(server))
    this.#toClient = new Pipe(server, client, () => this.#sourceEnded(client))
    this.closed = Promise.all([this.#watch(client, server), this.#watch(server, client)]).then(() => undefined)
  }

  get isOpen(): boolean {
    return !this.#client.destroyed || !this.#server.destroyed
  }

  /** Bytes that went through to the client so far. */
  get bytesToClient(): number {
    return this.#toClient.passedBytes
  }

  get bytesToServer(): number {
    return this.#toServer.passedBytes
  }

  /** What the proxy itself holds back, in bytes. */
  get waitingBytes(): number {
    return this.#toClient.waitingBytes + this.#toServer.waitingBytes
  }

  /** What happens to bytes from now on, in place of the rules so far; `{}` lets them through. */
  setRules(direction: Direction, rules: PipeRules): void {
    for (const pipe of this.#pipes(direction)) pipe.rules = rules
  }

  stall(direction: Direction = 'both'): void {
    for (const pipe of this.#pipes(direction)) pipe.rules = { ...pipe.rules, stalled: true }
  }

  resume(direction: Direction = 'both'): void {
    for (const pipe of this.#pipes(direction)) pipe.rules = { ...pipe.rules, stalled: false }
  }

  /** Ends both sides with a FIN, after what was handed to the sockets; what the proxy holds back is lost. */
  cut(): void {
    this.#toServer.stop()
    this.#toClient.stop()
    for (const socket of [this.#client, this.#server]) endSocket(socket)
  }

  /** Ends both sides with a RST: what is under way may be lost. */
  reset(): void {
    this.#toServer.stop()
    this.#toClient.stop()
    for (const socket of [this.#client, this.#server]) resetSocket(socket)
  }

  /**
   * Ends a direction with a close frame of the proxy's own wherever the bytes are, in the middle of another frame as may be, as
   * reverse proxies do when they reload; what that side answers soon still goes through. Then both sides end.
   */
  goodbye(direction: OneWay): void {
    const [pipe, sink, frame] =
      direction === 'to-server'
        ? [this.#toServer, this.#server, GOODBYE_TO_SERVER]
        : [this.#toClient, this.#client, GOODBYE_TO_CLIENT]
    pipe.stop()
    if (sink.writable) sink.write(frame)
    const timer = setTimeout(() => void this.#cutAfterTurns(), ANSWER_MS)
    sink.once('close', () => clearTimeout(timer))
  }

  /** Lets this many more bytes through in a direction, in the middle of a frame as may be, then ends both sides. */
  cutAfter(direction: OneWay, bytes: number, how: CutKind = 'cut'): void {
    for (const pipe of this.#pipes(direction)) pipe.cutAfter(bytes, () => this[how](direction))
  }

  /**
   * From now on neither side hears of the other's end, as when a router forgets a connection. `gone`: that side ends now,
   * with a RST of which the other one is not told.
   */
  halfOpen(gone?: 'client' | 'server'): void {
    this.#isHalfOpen = true
    if (gone === 'client') resetSocket(this.#client)
    else if (gone === 'server') resetSocket(this.#server)
  }

  /** Lets bytes through again. A connection of which a side, or both, said goodbye or went unheard ends now. */
  heal(): void {
    this.setRules('both', {})
    if (this.#isHalfOpen && [this.#client, this.#server].some(isOver)) this.reset()
    this.#isHalfOpen = false
  }

  async #cutAfterTurns(): Promise<void> {
    for (let turn = 0; turn < ANSWER_TURNS; turn += 1) await endOfTurn()
    this.cut()
  }

  #pipes(direction: Direction): readonly Pipe[] {
    if (direction === 'both') return [this.#toServer, this.#toClient]
    return [direction === 'to-server' ? this.#toServer : this.#toClient]
  }

  #sourceEnded(sink: Socket): void {
    if (!this.#isHalfOpen) sink.end()
  }

  #watch(socket: Socket, other: Socket): Promise<void> {
    let failed = false
    socket.on('error', () => {
      failed = true
    })
    return new Promise((resolve) => {
      socket.once('close', () => {
        resolve()
        if (this.#isHalfOpen || other.destroyed) return
        if (failed) resetSocket(other)
        else endAfterwards(other)
      })
    })
  }
}

/** Whether the peer said goodbye or is gone. */
const isOver = (socket: Socket): boolean => socket.destroyed || socket.readableEnded

/** The pipe may still hold bytes for it: it is ended by the pipe, and here only if that does not come about. */
const endAfterwards = (socket: Socket): void => {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
}

/**
 * Ends a socket with a RST at once. Node resets only sockets that have nothing left to write, and one whose FIN is on its
 * way never tells that it closed: those are closed as they are.
 */
export const resetSocket = (socket: Socket): void => {
  if (socket.destroyed) return
  if (socket.connecting) socket.once('connect', () => resetSocket(socket))
  else if (socket.writableEnded || socket.writableLength > 0) socket.destroy()
  else socket.resetAndDestroy()
}

const endSocket = (socket: Socket): void => {
  socket.end()
  endAfterwards(socket)
}

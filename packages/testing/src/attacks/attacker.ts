import { setTimeout as sleep } from 'node:timers/promises'
import type { Codec, ServerMessage } from '@tidings/protocol'
import type { Random } from '../random.js'
import { RawClient, type RawClientOptions } from '../raw-client.js'
import { handshake, type RawHeaders, RawSocket } from '../raw-socket.js'
import type { Attack, Attempt } from './attack.js'
import type { Facts } from './facts.js'
import type { Target } from './target.js'

/** `full` is what the figures are made with, `small` what tests can wait for. */
export type Scale = 'full' | 'small'

export interface ClientParts {
  readonly codec?: Codec
  readonly headers?: Readonly<Record<string, string>>
  /** What follows the address, such as `?token=…`. */
  readonly query?: string
}

export interface SessionParts {
  readonly codec?: Codec
  /** The client's own secret. */
  readonly client?: string
  /** What the token allows, by pattern. */
  readonly allow?: Readonly<Record<string, readonly string[]>>
}

const ANSWER_MS = 30_000
export const NO_ANSWER = 'no answer'

/** What one attack works with: connections of every kind, which are all gone after it, and a list of what came back. */
export class Attacker {
  readonly target: Target
  readonly facts: Facts
  readonly random: Random
  readonly attempts: Attempt[] = []
  prepared: readonly Buffer[] = []
  /** What it measured, for the table. */
  figure: string | undefined
  readonly #attack: Attack
  readonly #scale: Scale
  readonly #sockets = new Set<{ destroy(): void }>()

  constructor(attack: Attack, parts: { target: Target; facts: Facts; random: Random; scale: Scale }) {
    this.#attack = attack
    this.target = parts.target
    this.facts = parts.facts
    this.random = parts.random
    this.#scale = parts.scale
  }

  /** Makes what the attack needs before it begins. */
  prepare(): void {
    this.prepared = this.#attack.bytes?.(this) ?? []
  }

  /** How many, or how much. */
  size(full: number, small: number): number {
    return this.#scale === 'full' ? full : small
  }

  /** Notes what came back. `refusals`: those of this attempt, where they are not those of the attack. */
  saw(what: string, answer: string, refusals = this.#attack.refusals): void {
    this.attempts.push({ what, answer, isExpected: refusals.includes(answer) })
  }

  /** Notes what came back from many that did the same, each kind of answer once. */
  sawAll(what: string, answers: readonly string[]): void {
    const counts = new Map<string, number>()
    for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1)
    for (const [answer, count] of counts) this.saw(`${count} ${what}`, answer)
  }

  /** Notes answers to many commands of which so many may succeed, and of which some must be refused. */
  sawCounts(counts: ReadonlyMap<string, number>, success: string, atMost: number): void {
    for (const [answer, count] of counts) if (answer !== success) this.saw(`${count} of them`, answer)
    const succeeded = counts.get(success) ?? 0
    if (succeeded > atMost || counts.size < 2) this.saw(`${succeeded} of them, ${atMost} allowed`, success)
  }

  /** What a user's token is here; undefined: there is none to be had. */
  token(user: string, allow?: Readonly<Record<string, readonly string[]>>): string | undefined {
    return this.facts.isDev ? user : this.target.token(user, allow)
  }

  /** Gives up after a while: an attacker's connection may be left without an answer for good. */
  async inTime(answer: Promise<string>, limitMs = ANSWER_MS): Promise<string> {
    const timer = new AbortController()
    const late = sleep(limitMs, NO_ANSWER, { signal: timer.signal }).catch(() => NO_ANSWER)
    try {
      return await Promise.race([answer, late])
    } finally {
      timer.abort()
    }
  }

  /** A connection on which nothing was said yet. */
  dial(): RawSocket {
    const raw = new RawSocket(this.target.address)
    this.#sockets.add(raw.socket)
    return raw
  }

  /** A handshake in bytes, to this node unless the headers say otherwise. */
  handshake(headers: RawHeaders = {}, path = this.target.path): string {
    return handshake(path, { Host: this.target.url.host, ...headers })
  }

  /** What the node makes of these bytes where it expects HTTP: `101`, `403 foreign-origin`, `400`, `closed`. */
  async answerToRequest(bytes: string | Uint8Array, limitMs?: number): Promise<string> {
    const raw = this.dial()
    raw.write(bytes)
    const answer = await this.inTime(statusOf(raw), limitMs)
    raw.socket.destroy()
    return answer
  }

  /** A WebSocket whose handshake is done and on which nothing else was said. */
  async openRaw(headers: RawHeaders = {}): Promise<RawSocket> {
    const raw = this.dial()
    raw.write(this.handshake(headers))
    await raw.until(() => raw.head !== '')
    if (raw.status !== 101) throw new Error(`the handshake was refused with ${await statusOf(raw)}`)
    return raw
  }

  /** The code that the node closes with, or `closed` when it just went away. Nobody waits for a closing handshake. */
  async closeOf(raw: RawSocket, limitMs?: number): Promise<string> {
    const seen = raw.until(() => raw.receivedClose !== undefined).catch(() => undefined)
    const code = seen.then(() => String(raw.receivedClose ?? 'closed'))
    const answer = await this.inTime(code, limitMs)
    raw.socket.destroy()
    return answer
  }

  /** A WebSocket of a library, on which no connect was sent. */
  async openClient({ query = '', ...options }: ClientParts = {}): Promise<RawClient> {
    const all: RawClientOptions = {
      ...options,
      token: false,
      socket: { ...this.target.tls, perMessageDeflate: false, handshakeTimeout: ANSWER_MS },
    }
    const client = await RawClient.open(`${this.target.url.href}${query}`, all)
    this.#sockets.add({ destroy: () => client.socket.terminate() })
    return client
  }

  /** A session of a user who is let in. Rejects when he is not. */
  async session(user: string, { codec, client: secret, allow }: SessionParts = {}): Promise<RawClient> {
    const client = await this.openClient(codec === undefined ? {} : { codec })
    const token = this.token(user, allow)
    const identity = {
      ...(token === undefined ? undefined : { token }),
      ...(secret === undefined ? undefined : { client: secret }),
    }
    const reply = await client.request({ type: 'connect', ...identity })
    if (reply.type !== 'connected') throw new Error(`a good token was refused: ${answerOf(reply)}`)
    return client
  }

  /** What becomes of a connect command with this token: `connected`, or the code and how the connection closes. */
  async answerToToken(token: string | undefined, parts: ClientParts = {}): Promise<string> {
    const client = await this.openClient(parts)
    const answer = client
      .request({ type: 'connect', ...(token === undefined ? undefined : { token }) })
      .then(async (reply) => (reply.type === 'error' ? `${reply.code} ${(await client.closed).code}` : reply.type))
      .catch(async () => String((await client.closed).code))
    const seen = await this.inTime(answer)
    client.socket.terminate()
    return seen
  }

  /** Closes it with everything else, after the attack. */
  closeLater(socket: { destroy(): void }): void {
    this.#sockets.add(socket)
  }

  /** How many of each answer came to commands with ids from `firstId` on. */
  async countAnswers(client: RawClient, count: number, firstId = 10): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>()
    let [read, seen] = [0, 0]
    const look = (): boolean => {
      for (; read < client.received.length; read++) {
        const reply = client.received[read]
        if (reply === undefined || !('id' in reply) || reply.id < firstId) continue
        counts.set(answerOf(reply), (counts.get(answerOf(reply)) ?? 0) + 1)
        seen += 1
      }
      return seen >= count
    }
    const all = client.find(() => look()).then(() => 'all')
    if ((await this.inTime(all)) === NO_ANSWER) counts.set(NO_ANSWER, count - seen)
    return counts
  }

  /** Closes everything that is open. */
  letGo(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }
}

/** The status and, where the body has one, the code of an HTTP answer; `closed` when none came. */
export const statusOf = async (raw: RawSocket): Promise<string> => {
  await Promise.race([raw.until(() => raw.head !== ''), raw.ended]).catch(() => undefined)
  if (raw.head === '') return 'closed'
  if (raw.status === 101) return '101'
  await raw.ended
  try {
    const { code } = raw.body as { readonly code?: unknown }
    return typeof code === 'string' ? `${raw.status} ${code}` : String(raw.status)
  } catch {
    return String(raw.status)
  }
}

/** The code of an error, else the type of the reply. */
export const answerOf = (reply: ServerMessage): string => (reply.type === 'error' ? reply.code : reply.type)

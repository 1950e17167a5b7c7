import { setTimeout as sleep } from 'node:timers/promises'
import type { PublicationData, PublishedReply, ServerMessage } from '@tidings/protocol'
import { RawClient } from '../raw-client.js'
import type { Recorder } from '../recorder/recorder.js'
import { hashOf } from '../workload/payload.js'
import type { Running } from './server-under-test.js'

const PROBE = 'probe'
const ANSWER_MS = 10_000

/** A publish that somebody asked for, which may be asked for again. */
export interface ProbePublish {
  readonly attempt: number
  readonly channel: string
  readonly id: string
  readonly data: PublicationData
}

/** The machine was too busy for the probe to answer the node's pings in time: what it asked stays open. */
export class Starved extends Error {}

const HEARTBEAT_TIMEOUT = 4001

/** Asks one run directly, past the proxy, what it does while something is wrong with it. What it publishes is recorded. */
export class Probe {
  readonly #client: RawClient
  readonly #recorder: Recorder
  readonly #run: number

  private constructor(client: RawClient, recorder: Recorder, run: number) {
    this.#client = client
    this.#recorder = recorder
    this.#run = run
  }

  static async open({ port, run }: Running, recorder: Recorder): Promise<Probe> {
    const client = await answered(RawClient.open(`ws://127.0.0.1:${port}/ws`, { token: PROBE }), 'connect')
    return new Probe(client, recorder, run)
  }

  /** A publication of its own, not sent yet. `name`: its id; default: a new one. */
  compose(channel: string, data: PublicationData, name?: string): ProbePublish {
    const attempt = this.#recorder.nextAttempt()
    const id = name ?? `${PROBE}-${attempt}`
    this.#recorder.record({ kind: 'publish', attempt, channel, publisher: PROBE, id, hash: hashOf(data) })
    return { attempt, channel, id, data }
  }

  /** Sends it, once or again. Rejects when the connection ends first, or no answer comes. */
  async publish(publish: ProbePublish): Promise<ServerMessage> {
    const { attempt, channel, id, data } = publish
    const asked = this.#client.request({ type: 'publish', channel, publicationId: id, data })
    const reply = await this.#inTime(asked, `publish on ${channel}`)
    if (reply.type === 'published') this.#acknowledged(attempt, reply)
    return reply
  }

  /** What was refused, and will not be sent again. */
  giveUp({ attempt }: ProbePublish, code: string): void {
    this.#recorder.record({ kind: 'rejected', attempt, code })
  }

  /** Subscribes; resolves with what the server answers. */
  subscribe(channel: string, rewind?: number): Promise<ServerMessage> {
    const start = rewind === undefined ? undefined : { rewind: { count: rewind } }
    return this.#inTime(this.#client.request({ type: 'subscribe', channel, ...start }), `subscribe to ${channel}`)
  }

  /** Resolves once the push came that says that a subscription has all there was. */
  async caughtUp(channel: string): Promise<void> {
    const isIt = (item: ServerMessage): boolean => item.type === 'caught-up' && item.channel === channel
    await this.#inTime(this.#client.find(isIt), `catch up on ${channel}`)
  }

  /** Resolves once a publication with this id was pushed. */
  async pushed(channel: string, id: string): Promise<void> {
    const isIt = (item: ServerMessage): boolean =>
      item.type === 'publications' && item.channel === channel && item.publications.some((each) => each.id === id)
    await this.#inTime(this.#client.find(isIt), `get a publication of ${channel}`)
  }

  /** Ends at once; what is unanswered rejects. */
  end(): void {
    this.#client.socket.terminate()
  }

  async #inTime<Result>(answer: Promise<Result>, what: string): Promise<Result> {
    try {
      return await answered(answer, what)
    } catch (error) {
      const { socket, closed } = this.#client
      if (socket.readyState !== socket.CLOSED) throw error
      const { code, reason } = await closed
      if (code === HEARTBEAT_TIMEOUT) throw new Starved(`closed with ${code} before an answer to '${what}'`)
      throw new Error(`closed with ${code} ${reason} before an answer to '${what}'`, { cause: error })
    }
  }

  #acknowledged(attempt: number, reply: PublishedReply): void {
    const { offset, position, durability } = reply
    const told = { offset, position, durability, duplicate: reply.duplicate === true, run: this.#run }
    this.#recorder.record({ kind: 'acknowledged', attempt, ...told })
  }
}

const answered = async <Result>(answer: Promise<Result>, what: string): Promise<Result> => {
  const timer = new AbortController()
  const late = async (): Promise<never> => {
    await sleep(ANSWER_MS, undefined, { signal: timer.signal })
    throw new Error(`no answer to '${what}' within ${ANSWER_MS} ms`)
  }
  try {
    return await Promise.race([answer, late()])
  } finally {
    timer.abort()
  }
}

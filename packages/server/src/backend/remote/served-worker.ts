import type { Duplex } from 'node:stream'
import {
  type Backend,
  BackendError,
  type LogChannel,
  type LogListener,
  type StoredPublication,
  type Watch,
} from '../backend.js'
import { Link } from './link.js'
import {
  machineMs,
  type Method,
  type Methods,
  type OwnerMessage,
  type SentChannel,
  type SentRules,
  sendBytes,
  sendPage,
  sendPublication,
  takeBytes,
  takeNewPublication,
  type WorkerMessage,
} from './messages.js'
import type { OwnedPresence } from './owned-presence.js'

export interface ServedWorkerParts {
  readonly backend: Backend
  readonly presence: OwnedPresence
  /** Bytes that may wait for the worker before it counts as full. */
  readonly fullBytes: number
  full(worker: ServedWorker): void
  drained(worker: ServedWorker): void
  closed(worker: ServedWorker): void
}

/** `call` names the watch that a method makes. */
type Handlers = {
  readonly [Name in Method]: (
    call: number,
    ...args: Parameters<Methods[Name]>
  ) => Promise<ReturnType<Methods[Name]> extends null ? unknown : ReturnType<Methods[Name]>> | undefined
}

/**
 * The owner's end of one worker: makes its calls in the order they came. Answers and notices go out in the order in which
 * the backend gave them, so what the backend promises of their order holds at the worker too.
 */
export class ServedWorker {
  readonly #link: Link
  readonly #handlers: Handlers
  readonly #rules = new Map<number, SentRules>()
  /** By the number of the call; null: it is being made. */
  readonly #watches = new Map<number, Watch | null>()
  /** Channels by the number of their watch. */
  readonly #channels = new Map<number, string>()

  constructor(stream: Duplex, parts: ServedWorkerParts) {
    const { backend, fullBytes } = parts
    this.#handlers = { ...this.#logHandlers(backend), ...this.#otherHandlers(backend, parts.presence) }
    this.#link = new Link(
      stream,
      {
        batch: (messages) => {
          for (const message of messages as readonly WorkerMessage[]) this.#take(message)
        },
        full: () => parts.full(this),
        drained: () => parts.drained(this),
        closed: () => {
          for (const watch of this.#watches.values()) watch?.stop()
          this.#watches.clear()
          parts.closed(this)
        },
      },
      { fullBytes },
    )
    const { name, durabilities, log } = backend
    this.#send(['hello', { name, durabilities, notices: log.notices }])
  }

  /** Channels whose log the worker watches. */
  get channels(): Iterable<string> {
    return this.#channels.values()
  }

  pause(): void {
    this.#link.pause()
  }

  resume(): void {
    this.#link.resume()
  }

  /** Tells the worker that the backend failed. */
  fail({ message, code }: BackendError): void {
    this.#send(['failed', message, code])
  }

  /** Lets the worker go. */
  destroy(): void {
    this.#link.destroy()
  }

  #send(message: OwnerMessage): void {
    this.#link.send(JSON.stringify(message))
  }

  #take([method, call, ...args]: WorkerMessage): void {
    // Both ends run the same program: what came as this method has its arguments.
    const handle = this.#handlers[method] as (call: number, ...args: readonly unknown[]) => Promise<unknown> | undefined
    handle(call, ...args)?.then(
      (result) => this.#send(['answer', call, result ?? null]),
      (error: unknown) => {
        this.#watches.delete(call)
        this.#channels.delete(call)
        if (error instanceof BackendError) this.#send(['error', call, error.message, error.code])
        else this.#send(['error', call, error instanceof Error ? error.message : String(error)])
      },
    )
  }

  #channel([name, number]: SentChannel): LogChannel {
    const rules = this.#rules.get(number)
    if (rules === undefined) throw new Error('a worker named rules that it did not send')
    return { name, ...rules }
  }

  async #watch<Made extends Watch>(call: number, starting: Promise<Made>): Promise<Made> {
    this.#watches.set(call, null)
    const watch = await starting
    // It may have been stopped, or the worker have gone, while it was made.
    if (this.#watches.has(call)) this.#watches.set(call, watch)
    else watch.stop()
    return watch
  }

  #logHandlers({ log }: Backend): Pick<Handlers, LogMethod> {
    return {
      rules: (_call, number, rules) => void this.#rules.set(number, rules),
      stop: (_call, watch) => {
        this.#watches.get(watch)?.stop()
        this.#watches.delete(watch)
        this.#channels.delete(watch)
        return undefined
      },
      publish: (_call, channel, publication, startByMs) =>
        startByMs !== null && machineMs() > startByMs
          ? Promise.reject(waitedTooLong())
          : log.publish(this.#channel(channel), takeNewPublication(publication)),
      read: async (_call, channel, request) => sendPage(await log.read(this.#channel(channel), request)),
      rewind: (_call, channel, rewind) => log.rewind(this.#channel(channel), rewind),
      tails: (_call, channels) => log.tails(channels.map((channel) => this.#channel(channel))),
      purge: (_call, channel) => log.purge(this.#channel(channel)),
      noticed: () => Promise.resolve(null),
      isInUse: (_call, channel) => log.isInUse(this.#channel(channel)),
      watch: async (call, channel, account) => {
        this.#channels.set(call, channel[0])
        const listener: LogListener = {
          publication: (publication, previousOffset) =>
            this.#link.send(`["notice",${call},${previousOffset},${noticeText(publication)}]`),
          suspect: () => this.#send(['suspect', call]),
        }
        const starting = log.watch(this.#channel(channel), listener, account ?? undefined)
        await this.#watch(call, starting)
      },
    }
  }

  #otherHandlers({ presence, bus, state }: Backend, owned: OwnedPresence): Omit<Handlers, LogMethod> {
    return {
      put: (_call, channel, member) => owned.put(this, channel, member),
      remove: (_call, channel, member) => owned.remove(this, channel, member),
      members: (_call, channel) => presence.members(channel),
      watchMembers: async (call, channel) => {
        const starting = presence.watch(channel, (change, member) => this.#send(['member', call, change, member]))
        return (await this.#watch(call, starting)).members
      },
      broadcast: (_call, subject, bytes) => bus.publish(subject, takeBytes(bytes)),
      listen: async (call, subject) => {
        await this.#watch(
          call,
          bus.subscribe(subject, (bytes) => this.#send(['bytes', call, sendBytes(bytes)])),
        )
      },
      get: async (_call, key) => {
        const bytes = await state.get(key)
        return bytes === undefined ? null : sendBytes(bytes)
      },
      set: (_call, key, bytes) => state.set(key, takeBytes(bytes)),
      delete: (_call, key) => state.delete(key),
      list: async (_call, prefix) => (await state.list(prefix)).map(({ key, value }) => [key, sendBytes(value)]),
    }
  }
}

const waitedTooLong = (): BackendError =>
  new BackendError('unavailable', 'The publish waited too long for the process that owns the log; send it again.')

type LogMethod = 'isInUse' | 'rules' | 'stop' | 'publish' | 'read' | 'rewind' | 'tails' | 'purge' | 'noticed' | 'watch'

let noticed: StoredPublication | undefined
let noticedText = ''

/** One publication goes to every worker that watches its channel, one after the other: it becomes text once. */
const noticeText = (publication: StoredPublication): string => {
  if (noticed !== publication) {
    noticed = publication
    noticedText = JSON.stringify(sendPublication(publication))
  }
  return noticedText
}

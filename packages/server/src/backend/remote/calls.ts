import type { Member } from '@tidings/protocol'
import { BackendError, type LogListener, type MemberChange, type Watch } from '../backend.js'
import { Link } from './link.js'
import { type Hello, type Method, type Methods, type OwnerMessage, takeBytes, takePublication } from './messages.js'
import type { Duplex } from 'node:stream'

/** Who is told what a watch brings; what it did not ask for does not come. */
export interface Watcher extends Partial<LogListener> {
  member?(change: MemberChange, member: Member): void
  bytes?(bytes: Uint8Array): void
}

interface Call {
  readonly answered: (result: never) => void
  readonly failed: (error: Error) => void
}

const gone = (): BackendError => new BackendError('unavailable', 'The process that owns the log is gone.')

/** A worker's end: calls and their answers, and what its watches bring, all in the order the owner sent them. */
export class Calls {
  /** What the owner said of its backend. Rejects with BackendError when the owner is gone before. */
  readonly hello: Promise<Hello>
  readonly #link: Link
  readonly #calls = new Map<number, Call>()
  readonly #watchers = new Map<number, Watcher>()
  #lastCall = 0
  #isOver = false
  #greeted: (hello: Hello) => void = () => undefined
  #failure: BackendError | undefined
  #fail: ((error: BackendError) => void) | undefined
  #idle: (() => void) | undefined

  constructor(stream: Duplex) {
    let neverGreeted: (error: BackendError) => void = () => undefined
    this.hello = new Promise((resolve, reject) => {
      this.#greeted = resolve
      neverGreeted = reject
    })
    this.hello.catch(() => undefined) // Whoever makes the backend waits for it.
    this.#link = new Link(stream, {
      batch: (messages) => {
        for (const message of messages as readonly OwnerMessage[]) this.#take(message)
      },
      closed: () => {
        neverGreeted(gone())
        this.#closed()
      },
    })
  }

  /** `fail` is called once, when the owner's backend failed or the owner is gone, unless `end` was called before. */
  onFailure(fail: (error: BackendError) => void): void {
    this.#fail = fail
    if (this.#failure !== undefined) fail(this.#failure)
  }

  /** Rejects with BackendError, as the owner's backend did or because the owner is gone. */
  call<Name extends Method>(method: Name, ...args: Parameters<Methods[Name]>): Promise<ReturnType<Methods[Name]>> {
    return this.#call(method, args, undefined).answer
  }

  /** Calls a method that makes a watch. `watcher` is told what comes from the moment the owner has made it. */
  async watch<Name extends Method>(
    watcher: Watcher,
    method: Name,
    ...args: Parameters<Methods[Name]>
  ): Promise<{ readonly watch: Watch; readonly result: ReturnType<Methods[Name]> }> {
    const { number, answer } = this.#call(method, args, watcher)
    const stop = (): void => {
      if (this.#watchers.delete(number)) this.tell('stop', number)
    }
    try {
      return { watch: { stop }, result: await answer }
    } catch (error) {
      this.#watchers.delete(number)
      throw error
    }
  }

  /** For what has no answer. */
  tell<Name extends Method>(method: Name, ...args: Parameters<Methods[Name]>): void {
    this.#link.send(JSON.stringify([method, 0, ...args]))
  }

  /** Waits for the answers that are due, then closes the link. */
  async end(): Promise<void> {
    this.#fail = undefined
    if (this.#calls.size > 0) await new Promise<void>((resolve) => (this.#idle = resolve))
    this.#isOver = true
    this.#watchers.clear()
    this.#link.end()
  }

  #call<Name extends Method>(
    method: Name,
    args: Parameters<Methods[Name]>,
    watcher: Watcher | undefined,
  ): { readonly number: number; readonly answer: Promise<ReturnType<Methods[Name]>> } {
    this.#lastCall += 1
    const number = this.#lastCall
    if (this.#isOver) return { number, answer: Promise.reject(gone()) }
    if (watcher !== undefined) this.#watchers.set(number, watcher)
    this.#link.send(JSON.stringify([method, number, ...args]))
    const answer = new Promise<ReturnType<Methods[Name]>>((answered, failed) => {
      this.#calls.set(number, { answered, failed })
    })
    return { number, answer }
  }

  #take(message: OwnerMessage): void {
    switch (message[0]) {
      case 'notice':
        // Of a watch that was stopped meanwhile there is no watcher.
        this.#watchers.get(message[1])?.publication?.(takePublication(message[3]), message[2])
        return
      case 'answer':
        this.#settle(message[1])?.answered(message[2] as never)
        return
      case 'error':
        this.#settle(message[1])?.failed(errorOf(message[2], message[3]))
        return
      case 'suspect':
        this.#watchers.get(message[1])?.suspect?.()
        return
      case 'member':
        this.#watchers.get(message[1])?.member?.(message[2], message[3])
        return
      case 'bytes':
        this.#watchers.get(message[1])?.bytes?.(takeBytes(message[2]))
        return
      case 'hello':
        this.#greeted(message[1])
        return
      case 'failed':
        this.#failed(new BackendError(message[2], message[1]))
    }
  }

  #settle(number: number): Call | undefined {
    const call = this.#calls.get(number)
    this.#calls.delete(number)
    if (this.#calls.size === 0) this.#idle?.()
    return call
  }

  #failed(error: BackendError): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#fail?.(error)
  }

  #closed(): void {
    this.#isOver = true
    this.#watchers.clear()
    for (const number of [...this.#calls.keys()]) this.#settle(number)?.failed(gone())
    this.#failed(gone())
  }
}

const errorOf = (message: string, code: BackendError['code'] | undefined): Error =>
  code === undefined ? new Error(message) : new BackendError(code, message)

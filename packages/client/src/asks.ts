import type { Reply } from '@tidings/protocol'
import type { Commands, NewCommand } from './commands.js'
import { onAbort } from './on-abort.js'
import { type FailedResult, failed } from './tidings-error.js'

type ReplyOf<Type extends Reply['type']> = Extract<Reply, { readonly type: Type }>

/** Commands that may be repeated without harm: each waits for a session, and is asked again in the next one. */
export class Asks {
  readonly #commands: Commands
  readonly #begin: () => FailedResult | undefined
  /** How to send each again, by how to finish it. */
  readonly #open = new Map<(result: FailedResult) => void, () => void>()

  /** `begin` connects, or says why that is over. */
  constructor(commands: Commands, begin: () => FailedResult | undefined) {
    this.#commands = commands
    this.#begin = begin
  }

  /** Resolves with the reply of this type or the failure; never rejects. */
  async ask<Type extends Reply['type']>(
    type: Type,
    command: NewCommand,
    signal?: AbortSignal,
  ): Promise<ReplyOf<Type> | FailedResult> {
    const over = this.#begin()
    if (over) return over
    return new Promise((resolve) => {
      let isSent = false
      const finish = (result: ReplyOf<Type> | FailedResult): void => {
        this.#open.delete(finish)
        off()
        resolve(result)
      }
      const send = (): void => {
        if (isSent || !this.#commands.limits || this.#commands.mustWait(command)) return
        isSent = true
        this.#commands.send(command, (reply) => {
          // Without a reply it stays open for the next session.
          isSent = false
          if (reply?.type === 'error') finish(failed(reply.code, reply.message, reply.retryable))
          else if (reply?.type === type) finish(reply as ReplyOf<Type>)
        })
      }
      const off = onAbort(signal, () => finish(failed('aborted', 'aborted')))
      this.#open.set(finish, send)
      send()
    })
  }

  /** Sends those that wait and may be sent. */
  resume(): void {
    for (const send of this.#open.values()) send()
  }

  close(over: FailedResult): void {
    for (const finish of this.#open.keys()) finish(over)
  }
}

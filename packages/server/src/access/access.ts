import type { ErrorCode } from '@tidings/protocol'
import type { Channel } from '../channels.js'
import type { Action, ChannelAccess, User } from '../options.js'

export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
}

/** Decides what a user may do on a channel. Denied unless a rule allows it; `dev` allows what no rule mentions. */
export class Access {
  readonly #rules: Readonly<Record<string, ChannelAccess | undefined>>
  readonly #dev: boolean

  constructor(rules: Readonly<Record<string, ChannelAccess | undefined>>, dev: boolean) {
    this.#rules = rules
    this.#dev = dev
  }

  /** undefined: allowed. Synchronous unless the application's rule is not; rejects as that rule does. */
  check(user: User | null, action: Action, channel: Channel): Refusal | undefined | Promise<Refusal | undefined> {
    const { pattern, params } = channel.match
    const rules = Object.hasOwn(this.#rules, pattern) ? this.#rules[pattern] : undefined
    const rule =
      rules?.[action] ?? (action === 'history' ? rules?.subscribe : undefined) ?? (rules === undefined && this.#dev)
    const allowed = typeof rule === 'boolean' ? rule : rule({ user, params, channel: channel.name })
    const refusal: Refusal = { code: 'forbidden', message: `you may not ${VERBS[action]} this channel` }
    if (typeof allowed === 'boolean') return allowed ? undefined : refusal
    return allowed.then((value) => (value ? undefined : refusal))
  }
}

const VERBS: Readonly<Record<Action, string>> = {
  subscribe: 'subscribe to',
  publish: 'publish to',
  history: 'read the history of',
  presence: 'take part in the presence of',
}

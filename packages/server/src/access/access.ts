import type { ErrorCode } from '@tidings/protocol'
import type { Channel } from '../channels.js'
import type { AccessRequest, Action, ChannelAccess, Claims, User } from '../options.js'
import { compileRule } from './declared-rule.js'
import type { Grants } from './grants.js'

export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
}

/** Who asks, and with what. */
export interface Subject {
  readonly user: User | null
  /** undefined: no token was checked. */
  readonly token: { readonly claims: Claims; readonly grants: Grants | undefined } | undefined
}

type Rule = boolean | ((request: AccessRequest) => boolean | Promise<boolean>)
type Rules = Readonly<Partial<Record<Action, Rule>>>

const forbidden = (verb: string): Refusal => ({ code: 'forbidden', message: `you may not ${verb} this channel` })

const REFUSALS: Readonly<Record<Action, Refusal>> = {
  subscribe: forbidden('subscribe to'),
  publish: forbidden('publish to'),
  history: forbidden('read the history of'),
  presence: forbidden('take part in the presence of'),
  create: { code: 'forbidden', message: 'nobody uses this channel yet, and you may not create it' },
}

const compile = (access: ChannelAccess, pattern: string): Rules => {
  const rules: Partial<Record<Action, Rule>> = {}
  for (const [action, rule] of Object.entries(access)) {
    const compiled = typeof rule === 'function' ? rule : compileRule(rule, pattern)
    if (typeof compiled === 'string') throw new TypeError(`allow['${pattern}'].${action} ${compiled}`)
    rules[action as Action] = compiled
  }
  const history = rules.history ?? rules.subscribe
  const create = rules.create ?? (isOpen(rules.publish) ? rules.publish : rules.subscribe)
  return { ...rules, ...(history === undefined ? {} : { history }), ...(create === undefined ? {} : { create }) }
}

/** Whether a rule lets any client do it. Channels that only the application publishes to are created by who may subscribe. */
const isOpen = (rule: Rule | undefined): boolean => rule !== undefined && rule !== false

/**
 * Decides what somebody may do on a channel. In this order: a rule that is `false` forbids; a rule that is `true`, or the
 * token, allows; a rule that is a function decides; the rest is forbidden, or under `dev` allowed where no rule mentions
 * the channel. The first two cost at most a look into a map each.
 */
export class Access {
  readonly #rules: ReadonlyMap<string, Rules>
  /** Of channels that no rule mentions. */
  readonly #unmentioned: Rule | undefined

  /** The rules must have been checked. */
  constructor(allow: Readonly<Record<string, ChannelAccess | undefined>>, dev: boolean) {
    const entries = Object.entries(allow)
    this.#rules = new Map(entries.map(([pattern, access]) => [pattern, compile(access ?? {}, pattern)]))
    this.#unmentioned = dev ? true : undefined
  }

  /** Whether whoever may do this may create too, because one rule is for both: it need not be asked. */
  isCreateImplied(action: 'publish' | 'subscribe', { match }: Channel): boolean {
    const rules = this.#rules.get(match.pattern)
    // Without a rule tokens decide, of which one to publish is one to create as well.
    if (rules?.create === undefined) return action === 'publish'
    return rules.create === rules[action]
  }

  /** undefined: allowed. Synchronous unless the application's rule is not; rejects or throws as that rule does. */
  check(subject: Subject, action: Action, channel: Channel): Refusal | undefined | Promise<Refusal | undefined> {
    const { pattern, params } = channel.match
    const rules = this.#rules.get(pattern)
    const rule = rules === undefined ? this.#unmentioned : rules[action]
    if (rule === false) return REFUSALS[action]
    if (rule === true || subject.token?.grants?.allow(channel.name, action) === true) return undefined
    if (rule === undefined) return REFUSALS[action]
    const allowed: unknown = rule({
      user: subject.user,
      params,
      channel: channel.name,
      claims: subject.token?.claims,
    })
    if (typeof allowed === 'boolean') return allowed ? undefined : REFUSALS[action]
    return Promise.resolve(allowed).then((late) => (late === true ? undefined : REFUSALS[action]))
  }
}

import { ContractError, matchPattern, parsePattern, type Pattern } from '@tidings/contract'
import type { Action } from '../options.js'

export const ACTIONS: readonly Action[] = ['subscribe', 'publish', 'history', 'presence', 'create']

const BITS: Readonly<Record<Action, number>> = { subscribe: 1, publish: 2, history: 4, presence: 8, create: 16 }
const MAX_CACHED = 1000

interface Grant {
  readonly pattern: Pattern
  readonly actions: number
}

export const isAction = (value: unknown): value is Action => ACTIONS.some((action) => action === value)

const grantOf = (pattern: Pattern, actions: readonly Action[]): Grant => {
  const isOneChannel = pattern.segments.every(({ kind }) => kind === 'literal')
  const implied: Readonly<Partial<Record<Action, number>>> = {
    subscribe: BITS.history | (isOneChannel ? BITS.create : 0),
    publish: BITS.create,
  }
  return { pattern, actions: actions.reduce((all, action) => all | BITS[action] | (implied[action] ?? 0), 0) }
}

/**
 * What a token allows: actions by pattern. Patterns add up: an action is allowed by any that matches. `subscribe` brings
 * `history` with it, as it does in rules, and `publish` brings `create`. So does `subscribe` where the pattern is one channel: the
 * client does not choose its name. The answer for a channel is found once; later ones are a look into a map.
 */
export class Grants {
  readonly #grants: readonly Grant[]
  readonly #byChannel = new Map<string, number>()

  private constructor(grants: readonly Grant[]) {
    this.#grants = grants
  }

  /** `value` is what stands in a token: `{ pattern: [action, …] }`. A string says what is wrong with it. */
  static parse(value: unknown): Grants | string {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'must be an object'
    const grants: Grant[] = []
    for (const [source, actions] of Object.entries(value)) {
      if (!Array.isArray(actions) || !actions.every(isAction)) {
        return `must have lists of ${ACTIONS.join(', ')}`
      }
      try {
        grants.push(grantOf(parsePattern(source), actions))
      } catch (error) {
        if (error instanceof ContractError) return 'has a pattern that is none'
        throw error
      }
    }
    return new Grants(grants)
  }

  /** `channel` must be a valid name. */
  allow(channel: string, action: Action): boolean {
    let actions = this.#byChannel.get(channel)
    if (actions === undefined) {
      actions = this.#actionsOn(channel)
      if (this.#byChannel.size >= MAX_CACHED) this.#byChannel.clear()
      this.#byChannel.set(channel, actions)
    }
    return (actions & BITS[action]) !== 0
  }

  #actionsOn(channel: string): number {
    let actions = 0
    for (const grant of this.#grants) {
      if ((grant.actions & actions) !== grant.actions && matchPattern(grant.pattern, channel) !== undefined) {
        actions |= grant.actions
      }
    }
    return actions
  }
}

import type { Attacker } from './attacker.js'

/** One thing that was tried, and what came back. */
export interface Attempt {
  readonly what: string
  /** A status of HTTP, an error code, a close code, or a few words: `403 foreign-origin`, `unauthorized 4501`, `1009`. */
  readonly answer: string
  readonly isExpected: boolean
}

export interface Attack {
  /** In kebab-case. */
  readonly name: string
  /** What an attacker would gain. */
  readonly threat: string
  /** Answers by which a node shows that it is defended. */
  readonly refusals: readonly string[]
  /** The refusals in words, where they are many. */
  readonly refusedWith?: string
  /** It takes long enough to be measured once; others are repeated while somebody measures. */
  readonly isLong?: boolean
  /** Why it cannot be tried on this node; undefined: it can. */
  readonly obstacle?: (attacker: Attacker) => string | undefined | Promise<string | undefined>
  /** Bytes that take long to make, made before anything is measured; `run` finds them in `attacker.prepared`. */
  readonly bytes?: (attacker: Attacker) => readonly Buffer[]
  /** Tells the attacker of each attempt. What it opens is closed by the attacker afterwards. */
  readonly run: (attacker: Attacker) => Promise<void>
}

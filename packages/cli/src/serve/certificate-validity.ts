import { durationWords } from '../tokens/token-words.js'
import type { Certificate } from './certificate.js'

type Validity = Pick<Certificate, 'validFromMs' | 'validToMs'>

const DAY_MS = 86_400_000
const WARN_BEFORE_MS = 14 * DAY_MS
/** Of certificates that live for days only, those 14 days are all: they are late when so much of their time is left. */
const WARN_AT_PART = 0.25

interface Problem {
  readonly kind: 'ended' | 'early' | 'ending'
  readonly sentence: string
}

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString()

/** What is wrong with the time of a certificate, or soon will be. */
export const validityProblem = ({ validFromMs, validToMs }: Validity, nowMs: number): Problem | undefined => {
  if (nowMs > validToMs) {
    const sentence = `The certificate expired at ${isoTime(validToMs)}: clients refuse it until it is renewed.`
    return { kind: 'ended', sentence }
  }
  if (nowMs < validFromMs) {
    const sentence = `The certificate is valid from ${isoTime(validFromMs)} only: clients refuse it until then; is this machine's clock right?`
    return { kind: 'early', sentence }
  }
  const leftMs = validToMs - nowMs
  if (leftMs > Math.min(WARN_BEFORE_MS, (validToMs - validFromMs) * WARN_AT_PART)) return undefined
  const sentence = `The certificate ends at ${isoTime(validToMs)}, in ${durationWords(leftMs)}, and clients refuse it then: renew it, or look why it was not.`
  return { kind: 'ending', sentence }
}

/** Says what is wrong with one certificate's time when it begins, and again each day that it goes on. */
export class ValidityReminder {
  #said: { readonly kind: Problem['kind']; readonly atMs: number } | undefined

  /** undefined: there is nothing to say now. */
  due(certificate: Validity, nowMs: number): string | undefined {
    const problem = validityProblem(certificate, nowMs)
    if (problem === undefined) {
      this.#said = undefined
      return undefined
    }
    if (this.#said?.kind === problem.kind && nowMs - this.#said.atMs < DAY_MS) return undefined
    this.#said = { kind: problem.kind, atMs: nowMs }
    return problem.sentence
  }
}

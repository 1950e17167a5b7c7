import { randomUUID } from 'node:crypto'
import type { RawClient } from '../raw-client.js'
import type { Attack } from './attack.js'
import { answerOf, type Attacker } from './attacker.js'
import { goodClaims, headerOf, signatureOf, signingInput, type SigningKey } from './forge-token.js'

/** Refreshes of one user are counted; another user may send some more. */
const PER_USER = 400
const MICRO = 1000
const RATE_LIMITED = 'rate-limited'

/** A token, never seen before so that no cache answers, whose signature is wrong in one byte. */
const wrongAt = (signing: SigningKey, place: 'first' | 'last'): string => {
  const input = signingInput(headerOf(signing), goodClaims(signing, 'eve', { jti: randomUUID() }))
  const signature = signatureOf(signing)(input)
  const at = place === 'first' ? 0 : signature.length - 1
  signature[at] = (signature[at] ?? 0) ^ 1
  return `${input}.${signature.toString('base64url')}`
}

const timed = async (client: RawClient, token: string): Promise<readonly [string, number]> => {
  const startedAt = performance.now()
  const reply = await client.request({ type: 'refresh', token })
  return [answerOf(reply), (performance.now() - startedAt) * MICRO]
}

const sorted = (values: readonly number[]): readonly number[] => [...values].sort((a, b) => a - b)
const at = (values: readonly number[], share: number): number =>
  values[Math.min(values.length - 1, Math.max(0, Math.round(share * (values.length - 1))))] ?? Number.NaN

/** The median with the interval that holds it 95 times of 100, from ranks: noise of a network has no shape to rely on. */
const median = (values: readonly number[]): string => {
  const all = sorted(values)
  const spread = 0.98 / Math.sqrt(all.length)
  const show = (value: number): string => `${value >= 0 ? '+' : ''}${value.toFixed(1)}`
  return `${show(at(all, 0.5))} µs (${show(at(all, 0.5 - spread))} to ${show(at(all, 0.5 + spread))})`
}

/**
 * Nobody can decide from some thousand rounds that there is no difference, so this is a figure and no verdict: the median
 * difference within pairs that were sent right after one another, in turn first, beside that of pairs which are the same.
 */
const timing: Attack = {
  name: 'key-comparison-timing',
  threat: 'a signature is found byte by byte from the time that a refusal takes',
  refusals: ['unauthorized', RATE_LIMITED],
  isLong: true,
  obstacle: ({ facts, target }: Attacker) => {
    if (facts.isDev) return 'under the dev profile tokens are plain names'
    const { signing } = target.options
    if (signing === undefined) return 'no signing key is known'
    return signing.algorithm === 'HS256' ? undefined : 'only an HMAC is compared with a secret'
  },
  run: async (attacker) => {
    const { signing } = attacker.target.options
    if (signing === undefined) return
    const differences: number[] = []
    const controls: number[] = []
    const answers: string[] = []
    let client: RawClient | undefined
    // Beyond some thousand tokens the address has used up its rate, and no more are checked.
    const rounds = attacker.size(1200, 100)
    for (let round = 0; round < rounds; round++) {
      if (client === undefined || round % (PER_USER / 4) === 0) {
        client?.socket.terminate()
        client = await attacker.session(`eve-${round}`)
      }
      const order = round % 2 === 0 ? (['first', 'last'] as const) : (['last', 'first'] as const)
      // The first of a row is slower than the others, whatever it is.
      await timed(client, wrongAt(signing, 'first'))
      const [[one, oneUs], [two, twoUs], [three, threeUs]] = [
        await timed(client, wrongAt(signing, order[0])),
        await timed(client, wrongAt(signing, order[1])),
        await timed(client, wrongAt(signing, order[1])),
      ]
      answers.push(one, two, three)
      if ([one, two, three].includes(RATE_LIMITED)) continue
      differences.push(order[0] === 'first' ? oneUs - twoUs : twoUs - oneUs)
      controls.push(round % 2 === 0 ? twoUs - threeUs : threeUs - twoUs)
    }
    attacker.sawAll('tokens', answers)
    attacker.figure = `first byte − last byte: ${median(differences)}; same − same: ${median(controls)}; ${differences.length} rounds`
  },
}

export const TIMING_ATTACKS: readonly Attack[] = [timing]

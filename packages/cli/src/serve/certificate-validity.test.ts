import { describe, expect, it } from 'vitest'
import { ValidityReminder, validityProblem } from './certificate-validity.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const END = Date.parse('2027-03-31T12:00:00Z')

const certificate = (days: number) => ({ validFromMs: END - days * DAY, validToMs: END })

describe('validityProblem', () => {
  it.each([
    ['of 90 days', 90, -90 * DAY - 1, 'early'],
    ['of 90 days', 90, -90 * DAY, undefined],
    ['of 90 days', 90, -14 * DAY - 1, undefined],
    ['of 90 days', 90, -14 * DAY, 'ending'],
    ['of 90 days', 90, 0, 'ending'],
    ['of 90 days', 90, 1, 'ended'],
    // Renewed every few days: it is not late in its first half.
    ['of 6 days', 6, -5 * DAY, undefined],
    ['of 6 days', 6, -1.5 * DAY, 'ending'],
    ['of an hour', 1 / 24, -HOUR / 2, undefined],
  ])('with a certificate %s (%j), %j ms from its end, is %j', (_name, days, fromEndMs, kind) => {
    expect(validityProblem(certificate(days), END + fromEndMs)?.kind).toBe(kind)
  })

  it('says until when, for how long and what to do', () => {
    expect(validityProblem(certificate(90), END - 14 * DAY)?.sentence).toBe(
      'The certificate ends at 2027-03-31T12:00:00.000Z, in 14 days, and clients refuse it then: renew it, or look why it was not.',
    )
    expect(validityProblem(certificate(90), END - 91 * DAY)?.sentence).toMatch(
      /^The certificate is valid from 2026-12-31T12:00:00.000Z only: /,
    )
    expect(validityProblem(certificate(90), END - HOUR)?.sentence).toContain(', in 1 hour, ')
    expect(validityProblem(certificate(90), END + 1)?.sentence).toMatch(
      /^The certificate expired at .* until it is renewed\.$/,
    )
  })
})

describe('ValidityReminder', () => {
  it('says it once a day from 14 days before the end, and at once when it has ended', () => {
    const reminder = new ValidityReminder()
    const saidAt: number[] = []
    for (let hour = -20 * 24; hour <= 3 * 24; hour++) {
      if (reminder.due(certificate(90), END + hour * HOUR + 1) !== undefined) saidAt.push(hour)
    }
    const daily = Array.from({ length: 14 }, (_, index) => (index - 14) * 24)
    expect(saidAt).toEqual([...daily, 0, 24, 48, 72])
  })

  it('begins anew when the clock was set right', () => {
    const reminder = new ValidityReminder()
    expect(reminder.due(certificate(90), END + 1)).toContain('expired')
    expect(reminder.due(certificate(90), END - 30 * DAY)).toBeUndefined()
    expect(reminder.due(certificate(90), END + 2)).toContain('expired')
  })
})

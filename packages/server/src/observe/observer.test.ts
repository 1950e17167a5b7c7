import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LoggedLines } from '../node.fixture.js'
import { OperatorLog } from './observer.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const observed = (): { logger: LoggedLines; log: OperatorLog } => {
  const logger = new LoggedLines()
  return { logger, log: new OperatorLog(logger) }
}

const MINUTE_MS = 60_000

describe('OperatorLog', () => {
  test('tells a refusal at info, with whose it was', () => {
    const { logger, log } = observed()
    const refusal = { code: 'forbidden', user: 'ada', session: 's1', channel: 'chat:a', origin: 'https://a.example' }
    log.refused(refusal)
    expect(logger.lines).toEqual([{ level: 'info', text: 'a client was refused', fields: refusal }])
  })

  test('writes ten lines of a code in a minute, then one that counts the others', () => {
    const { logger, log } = observed()
    for (let times = 0; times < 1000; times++) log.refused({ code: 'token-expired' })
    log.refused({ code: 'foreign-origin' })
    expect(logger.lines).toHaveLength(11)
    vi.advanceTimersByTime(MINUTE_MS)
    expect(logger.lines.slice(11)).toMatchObject([{ level: 'info', fields: { code: 'token-expired', times: 990 } }])
    log.refused({ code: 'token-expired' })
    expect(logger.lines).toHaveLength(13)
    vi.advanceTimersByTime(10 * MINUTE_MS)
    expect(logger.lines).toHaveLength(13)
  })

  test('writes sixty lines of refusals in a minute, whatever their codes are', () => {
    const { logger, log } = observed()
    for (let code = 0; code < 20; code++) for (let times = 0; times < 10; times++) log.refused({ code: `code-${code}` })
    expect(logger.lines).toHaveLength(60)
    log.close()
    const counted = logger.lines.slice(60).map(({ fields }) => (fields as { times: number }).times)
    expect(counted.reduce((sum, times) => sum + times, 0)).toBe(140)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('keeps a line short, whatever a client sent', () => {
    const { logger, log } = observed()
    const long = 'x'.repeat(16_384)
    log.refused({ code: 'foreign-origin', origin: long, channel: long, user: long, why: long })
    log.failed({ text: 'a', error: Object.assign(new Error(long), { stack: long }), channel: long })
    expect(JSON.stringify(logger.lines[0]).length).toBeLessThan(1500)
    expect(JSON.stringify(logger.lines[1]).length).toBeLessThan(6000)
  })

  test('tells a failure with whose command it was, without the secret that the error quotes', () => {
    const { logger, log } = observed()
    const error = new Error('no row for secret-token')
    log.failed({ text: 'it failed', error, secret: 'secret-token', command: 'publish', channel: 'chat:a', user: 'ada' })
    expect(logger.lines).toMatchObject([
      {
        level: 'error',
        text: 'it failed',
        fields: { error: 'no row for [token]', command: 'publish', channel: 'chat:a', user: 'ada' },
      },
    ])
    expect(JSON.stringify(logger.lines)).not.toContain('secret-token')
  })

  test('bounds failures that clients can cause, and refusals do not take their place', () => {
    const { logger, log } = observed()
    for (let times = 0; times < 100; times++) log.refused({ code: `code-${times % 10}` })
    for (let times = 0; times < 100; times++) log.failed({ text: 'it failed', error: new Error('again') })
    expect(logger.lines.filter(({ level }) => level === 'error')).toHaveLength(10)
    log.close()
    expect(logger.lines.at(-1)).toMatchObject({ level: 'error', fields: { failure: 'it failed', times: 90 } })
  })
})

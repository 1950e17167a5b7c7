import { afterEach, describe, expect, test, vi } from 'vitest'
import { createJsonLogger, jsonLogger, LOG_LEVELS } from './logger.js'

afterEach(() => vi.restoreAllMocks())

const capture = (): string[] => {
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  return written
}

test('what remote peers sent stays one line, and nothing that a terminal acts on', () => {
  const written = capture()
  const remote = 'a\nb\r{"level":"error"}\u001b[2J\u007f\u009b2J\u0085\u2028\u2029\u202e\u2066ü😀'
  jsonLogger.warn('somebody was refused', { remote, [remote]: 1 })
  expect(written).toHaveLength(1)
  expect(written[0]).toMatch(/^[\u0020-\u007e\u00a0-\u2027\u202f-\u2065\u206a-\uffff]*\n$/)
  expect(JSON.parse(written[0] ?? '')).toMatchObject({
    level: 'warn',
    text: 'somebody was refused',
    remote,
    [remote]: 1,
  })
})

describe('createJsonLogger', () => {
  test.each([
    ['silent', []],
    ['error', ['error']],
    ['warn', ['warn', 'error']],
    ['info', ['info', 'warn', 'error']],
    ['debug', ['debug', 'info', 'warn', 'error']],
  ] as const)('at level %s writes %j', (level, expected) => {
    const written = capture()
    const logger = createJsonLogger({ level })
    logger.debug?.('d')
    logger.info('a')
    logger.warn('b')
    logger.error('c')
    expect(written.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected)
  })

  test('writes info by default, as jsonLogger does', () => {
    const written = capture()
    createJsonLogger().info('a')
    jsonLogger.info('b')
    expect(written).toHaveLength(2)
  })

  test('adds its own fields to every line', () => {
    const written = capture()
    createJsonLogger({ fields: { worker: 3 } }).warn('a', { code: 'x' })
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ worker: 3, code: 'x', text: 'a' })
  })

  test('takes a field for no more than a field', () => {
    const written = capture()
    jsonLogger.warn('a', { level: 'error', text: 'forged', time: 'never' })
    expect(JSON.parse(written[0] ?? '')).toMatchObject({ level: 'warn', text: 'a' })
  })

  test('lives when nobody reads standard error any more', () => {
    const listeners = process.stderr.listenerCount('error')
    vi.spyOn(process.stderr, 'write').mockImplementation((_text, ...rest: unknown[]) => {
      const callback = rest.find((argument) => typeof argument === 'function') as (error: Error) => void
      callback(new Error('EPIPE'))
      return true
    })
    jsonLogger.warn('a')
    expect(() => process.stderr.emit('error', new Error('EPIPE'))).not.toThrow()
    expect(process.stderr.listenerCount('error')).toBe(listeners)
  })

  test('has a level for each word that an operator may write', () => {
    expect(LOG_LEVELS).toEqual(['silent', 'error', 'warn', 'info', 'debug'])
  })
})

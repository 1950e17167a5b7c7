import { afterEach, expect, test, vi } from 'vitest'
import { jsonLogger } from './logger.js'

afterEach(() => vi.restoreAllMocks())

test('what remote peers sent stays one line, and nothing that a terminal acts on', () => {
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0)
  const remote = 'a\nb\r{"level":"error"}\u001b[2J\u007f\u009b2J\u0085\u2028\u2029ü😀'
  jsonLogger.warn('somebody was refused', { remote, [remote]: 1 })
  expect(written).toHaveLength(1)
  expect(written[0]).toMatch(/^[\u0020-\u007e\u00a0-\u2027\u202a-\uffff]*\n$/)
  expect(JSON.parse(written[0] ?? '')).toMatchObject({
    level: 'warn',
    text: 'somebody was refused',
    remote,
    [remote]: 1,
  })
})

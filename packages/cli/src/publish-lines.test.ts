import type { PublishResult } from '@tidings/client'
import { describe, expect, it } from 'vitest'
import { MAX_IN_FLIGHT, publishLines } from './publish-lines.js'

const OK: PublishResult = { ok: true, position: 'p', offset: 1, time: 1, durability: 'none', duplicate: false }

describe('publishLines', () => {
  it('reads an endless input only as fast as publishes are acknowledged', async () => {
    const acknowledge: (() => void)[] = []
    const stop = new AbortController()
    let read = 0
    const endless = async function* () {
      while (!stop.signal.aborted) {
        read += 1
        yield await Promise.resolve(Buffer.from('1\n'))
      }
    }
    const publish = () => {
      const result = new Promise<PublishResult>((resolve) => acknowledge.push(() => resolve(OK)))
      return { id: 'x', then: result.then.bind(result) }
    }
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
    const counting = publishLines({
      channel: { publish },
      input: endless(),
      isText: false,
      rate: undefined,
      options: {},
      stop: stop.signal,
      rejected: () => undefined,
      progress: () => undefined,
    })
    for (let left = 2 * MAX_IN_FLIGHT; left > 0; left -= 1) await turn()
    expect(acknowledge).toHaveLength(MAX_IN_FLIGHT)
    expect(read).toBeLessThanOrEqual(MAX_IN_FLIGHT + 1)
    acknowledge[0]?.()
    await turn()
    await turn()
    expect(acknowledge).toHaveLength(MAX_IN_FLIGHT + 1)
    stop.abort()
    for (const done of acknowledge) done()
    await turn()
    for (const done of acknowledge) done()
    expect(await counting).toMatchObject({ rejected: 0, unknown: 0 })
  })
})

import { describe, expect, it } from 'vitest'
import { connect, start } from '../node.fixture.js'
import { DEFAULT_LIMITS } from '../options.js'
import { LOAD_TEST_LIMITS, resolveLimits } from './profiles.js'

describe('limits', () => {
  it('are those for strangers unless somebody asks for others', () => {
    expect(resolveLimits(undefined)).toEqual(DEFAULT_LIMITS)
    expect(resolveLimits({ maxFrameBytes: 5 })).toEqual({ ...DEFAULT_LIMITS, maxFrameBytes: 5 })
    expect(resolveLimits('load-test')).toEqual(LOAD_TEST_LIMITS)
    expect(resolveLimits({ profile: 'load-test', maxFrameBytes: 5 })).toEqual({ ...LOAD_TEST_LIMITS, maxFrameBytes: 5 })
  })

  it('are those of load tests under dev, unless somebody asks for others', () => {
    expect(resolveLimits(undefined, true)).toEqual(LOAD_TEST_LIMITS)
    expect(resolveLimits({ maxFrameBytes: 5 }, true)).toEqual({ ...LOAD_TEST_LIMITS, maxFrameBytes: 5 })
    expect(resolveLimits('default', true)).toEqual(DEFAULT_LIMITS)
  })

  it('leave one person with a page and many tabs enough, all loaded again at once', async () => {
    const node = await start()
    const tabs = await Promise.all(Array.from({ length: 40 }, () => connect(node, { token: 'ada' })))
    for (const [tab, client] of tabs.entries()) {
      const answers = await Promise.all([
        ...['a', 'b', 'c', 'd'].map((name) => client.request({ type: 'subscribe', channel: `long:${name}` })),
        client.request({ type: 'subscribe', channel: 'chat:room', presence: true }),
        client.request({ type: 'presence', channel: 'chat:room', action: 'enter', data: { tab } }),
        client.request({ type: 'history', channel: 'long:a' }),
        client.request({ type: 'publish', channel: 'chat:room', data: { text: 'here' } }),
      ])
      expect(answers.filter(({ type }) => type === 'error')).toEqual([])
    }
    expect(node.tidings.limitsReached()).toEqual({})
  })
})

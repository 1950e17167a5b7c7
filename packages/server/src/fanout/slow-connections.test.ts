import { expect, test } from 'vitest'
import { connect, start, until } from '../node.fixture.js'

const COUNT = 600
const TEXT = 'x'.repeat(30_000)

test('a node ends slow connections when too much waits for all of them, and everybody else gets everything', async () => {
  const limits = {
    profile: 'load-test',
    maxBufferedBytes: 65_536,
    maxOutboundBytes: 150_000,
    maxUnreadBytes: 1e9,
  } as const
  const node = await start({ limits })
  const bystander = await connect(node)
  await bystander.request({ type: 'subscribe', channel: 'long:a' })
  const slow = await Promise.all(Array.from({ length: 6 }, () => connect(node, { token: 'slow' })))
  for (const one of slow) {
    await one.request({ type: 'subscribe', channel: 'long:a' })
    one.socket.pause()
  }
  const publisher = await connect(node)
  for (let index = 0; index < COUNT; index++) {
    await publisher.request({ type: 'publish', channel: 'long:a', data: [index, TEXT] })
  }
  await bystander.countOf('long:a', COUNT)
  const ended = node.tidings.limitsReached().maxOutboundBytes ?? 0
  expect(ended).toBeGreaterThanOrEqual(3)
  expect(ended).toBeLessThan(6)
  await until(() => node.tidings.health().sessions === 2 + slow.length - ended)
  // Those that are left go on where they are.
  for (const one of slow) one.socket.resume()
  const all = Array.from({ length: COUNT }, (_, index) => index)
  await until(() => slow.filter((one) => one.dataOf('long:a').length === COUNT).length === slow.length - ended)
  for (const one of slow) {
    const numbers = one.dataOf('long:a').map((data) => (data as [number])[0])
    expect(numbers).toEqual(all.slice(0, numbers.length))
  }
})

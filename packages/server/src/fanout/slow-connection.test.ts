import type { SlowPolicy } from '@tidings/protocol'
import type { RawClient } from '@tidings/testing'
import { expect, test } from 'vitest'
import { connect, nodeSide, start, until } from '../node.fixture.js'

const COUNT = 600
const MAX_BUFFERED_BYTES = 16_384
const TEXT = 'x'.repeat(30_000)

/** Numbered publications, so large that a connection that takes nothing is full after a few. */
const flood = async (policy: SlowPolicy, name = 'long:a') => {
  const node = await start({ limits: { profile: 'load-test', maxBufferedBytes: MAX_BUFFERED_BYTES } })
  const bystander = await connect(node)
  await bystander.request({ type: 'subscribe', channel: name })
  const accepted = nodeSide(node)
  const slow = await connect(node, { token: 'slow' })
  const socket = await accepted
  await slow.request({ type: 'subscribe', channel: name, policy })
  await slow.request({ type: 'subscribe', channel: 'any:other' })
  slow.socket.pause()
  const publisher = await connect(node)
  let highest = 0
  for (let index = 0; index < COUNT; index++) {
    await publisher.request({ type: 'publish', channel: name, data: [index, TEXT] })
    highest = Math.max(highest, socket.writableLength)
  }
  await bystander.countOf(name, COUNT)
  expect(highest).toBeGreaterThan(MAX_BUFFERED_BYTES)
  expect(highest).toBeLessThan(20 * MAX_BUFFERED_BYTES)
  return { node, slow, publisher, bystander }
}

const numbersOf = (client: RawClient, name = 'long:a'): readonly number[] =>
  client.dataOf(name).map((data) => (data as [number])[0])

const counted = Array.from({ length: COUNT }, (_, index) => index)

test('a connection that takes nothing for a while catches up in order, once, and its other channel goes on', async () => {
  const { slow, publisher, bystander } = await flood('catch-up')
  await publisher.request({ type: 'publish', channel: 'any:other', data: 'other' })
  slow.socket.resume()
  await slow.countOf('any:other', 1)
  await slow.countOf('long:a', COUNT)
  await publisher.request({ type: 'publish', channel: 'long:a', data: [COUNT] })
  await slow.countOf('long:a', COUNT + 1)
  expect(numbersOf(slow)).toEqual([...counted, COUNT])
  expect(numbersOf(bystander).slice(0, COUNT)).toEqual(counted)
  expect(slow.received.filter(({ type }) => type === 'gap')).toEqual([])
  expect(slow.received.filter((item) => item.type === 'caught-up' && item.channel === 'long:a')).toHaveLength(1)
})

test.each([
  ['skip', 'long:a'],
  ['skip', 'typing:a'],
] as const)('with %s on %s one gap stands for everything that went by', async (policy, name) => {
  const { slow, publisher, bystander } = await flood(policy, name)
  slow.socket.resume()
  const gap = await slow.next('gap')
  expect(gap).toMatchObject({ channel: name, reason: 'skipped' })
  await publisher.request({ type: 'publish', channel: name, data: [COUNT] })
  await slow.find((item) => item.type === 'publications' && JSON.stringify(item).includes(`[${COUNT}]`))
  const received = numbersOf(slow, name)
  expect(slow.received.filter(({ type }) => type === 'gap')).toHaveLength(1)
  expect(received.length + (gap.missed ?? NaN)).toBe(COUNT + 1)
  expect(received).toEqual([...counted.slice(0, received.length - 1), COUNT])
  expect(numbersOf(bystander, name).slice(0, COUNT)).toEqual(counted)
})

test('with disconnect it is closed with 4002', async () => {
  const { node, slow, bystander } = await flood('disconnect')
  slow.socket.resume()
  expect(await slow.closed).toEqual({ code: 4002, reason: 'slow-consumer' })
  await until(() => node.tidings.health().sessions === 2)
  expect(numbersOf(bystander)).toEqual(counted)
  const received = numbersOf(slow)
  expect(received).toEqual(counted.slice(0, received.length))
})

test('what it published with echo: false while it was behind comes as echo marks', async () => {
  const { slow } = await flood('catch-up')
  const OWN = 5000
  for (let start = 0; start < OWN; start += 500) {
    slow.send(
      Array.from({ length: 500 }, (_, at) => ({
        ...{ type: 'publish', id: 1000 + start + at, channel: 'long:a', data: [start + at], echo: false },
        publicationId: `own${start + at}`,
      })),
    )
  }
  slow.socket.resume()
  await slow.find((item) => item.type === 'published' && item.id === 1000 + OWN - 1)
  const last = `own${OWN - 1}`
  await slow.find((item) => item.type === 'publications' && item.publications.some(({ id }) => id === last))
  const own = slow.received.flatMap((item) =>
    item.type === 'publications' ? item.publications.filter(({ id }) => id.startsWith('own')) : [],
  )
  expect(own).toMatchObject(
    Array.from({ length: OWN }, (_, index) => ({ id: `own${index}`, echo: false, offset: COUNT + 1 + index })),
  )
})

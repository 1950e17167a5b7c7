import type { RawClient } from '@tidings/testing'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { expect, test } from 'vitest'
import { connect, publishNumbers, start, until } from '../node.fixture.js'

/** Three pages of the channel below, and nearly nothing afterwards. */
const limits = { historyBytesPerSecond: 100, historyBytesBurst: 130_000 }

const fill = async (node: { readonly url: string }): Promise<void> => {
  const writer = await connect(node, { token: 'writer' })
  for (let index = 0; index < 10; index++) {
    await writer.request({ type: 'publish', channel: 'long:a', data: 'x'.repeat(5000) })
  }
}

const ask = (client: RawClient) => client.request({ type: 'history', channel: 'long:a' })

test.each(['ada', undefined])(
  'answers no more history than the budget of %s allows, over all connections and codecs',
  async (user) => {
    const node = await start({ limits: { ...limits, usersPerAddress: 1 } })
    await fill(node)
    const token = user === undefined ? {} : { token: user }
    const answers: string[] = []
    for (let times = 0; times < 5; times++) {
      const client = await connect(node, { ...token, ...(times % 2 === 0 ? {} : { codec: msgpackCodec }) })
      answers.push((await ask(client)).type)
      await client.close()
    }
    expect(answers).toEqual(['history', 'history', 'history', 'error', 'error'])
    const again = await connect(node, token)
    expect(await ask(again)).toMatchObject({ code: 'rate-limited', retryable: true })
    expect(await again.request({ type: 'publish', channel: 'long:a', data: 1 })).toMatchObject({ type: 'published' })
    const bystander = await connect(node, { token: 'bob' })
    expect(await ask(bystander)).toMatchObject({ type: 'history' })
    expect(node.tidings.limitsReached().historyBytesPerSecond).toBeGreaterThan(0)
  },
)

test('counts lists of members, whether asked for or subscribed to', async () => {
  const node = await start({ limits: { maxPresenceBytes: 4096, historyBytesPerSecond: 100, historyBytesBurst: 8000 } })
  const members = await connect(node, { token: 'member' })
  await members.request({ type: 'presence', channel: 'chat:a', action: 'enter', data: 'x'.repeat(4000) })
  const client = await connect(node, { token: 'ada' })
  const get = () => client.request({ type: 'presence', channel: 'chat:a', action: 'get' })
  expect(await get()).toMatchObject({ type: 'presence' })
  await client.request({ type: 'subscribe', channel: 'chat:a', presence: true })
  await client.next('members')
  expect(await get()).toMatchObject({ type: 'error', code: 'rate-limited' })
})

test('lets a subscription catch up later when the budget is used up, and loses nothing', async () => {
  const node = await start({ limits: { historyBytesPerSecond: 200_000, historyBytesBurst: 60_000 } })
  await fill(node)
  const reader = await connect(node, { token: 'ada' })
  await ask(reader)
  await ask(reader)
  const client = await connect(node, { token: 'ada' })
  await client.request({ type: 'subscribe', channel: 'long:a', rewind: { count: 10 } })
  await until(() => node.tidings.limitsReached().historyBytesPerSecond !== undefined)
  await publishNumbers(await connect(node, { token: 'writer' }), 'long:a', 3)
  await client.countOf('long:a', 13)
  expect(client.dataOf('long:a').slice(-3)).toEqual([0, 1, 2])
  expect(client.received.filter(({ type }) => type === 'gap')).toEqual([])
})

test('answers nothing to a session that ended while its command waited', async () => {
  const node = await start({ limits: { historyBytesPerSecond: 20_000, historyBytesBurst: 60_000 } })
  await fill(node)
  const reader = await connect(node, { token: 'ada' })
  await ask(reader)
  await ask(reader)
  const leaving = await connect(node, { token: 'ada' })
  leaving.send({ type: 'history', id: 10, channel: 'long:a' })
  await until(() => node.tidings.limitsReached().historyBytesPerSecond !== undefined)
  leaving.socket.terminate()
  await leaving.closed
  expect(await ask(reader)).toMatchObject({ type: 'history' })
})

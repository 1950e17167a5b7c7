import { channel, defineContract } from '@tidings/contract'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { ScriptedServer } from '../test/scripted-server.js'
import { TestClock, take, testClient, untilState } from '../test/test-client.js'

test('sends what was not acknowledged again, with the same ids and in the order it was made, before newer ones', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const a = client.channel('a')
  const sent = [a.publish(1), a.publish(2), a.publish(3)]
  const first = await server.peer()
  await first.welcome()
  await first.published(1)
  await first.next('publish')
  expect(await sent[0]).toMatchObject({ ok: true, offset: 1 })
  first.socket.terminate()
  await untilState(client, 'waiting')
  sent.push(a.publish(4))
  const second = await server.peer()
  await second.welcome()
  for (const [index, data] of [2, 3, 4].entries()) {
    const command = await second.next('publish')
    expect(command).toMatchObject({ data, publicationId: sent[index + 1]?.id })
    second.acknowledge(command, data)
  }
  expect((await Promise.all(sent)).map(({ ok }) => ok)).toEqual([true, true, true, true])
})

test('retries a publish whose acknowledgement was lost, and tells that it is the first one’s', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const sent = client.channel('a').publish('once', { id: 'mine', key: 'k', tags: { t: '1' } })
  expect(sent.id).toBe('mine')
  const first = await server.peer()
  await first.welcome()
  await first.next('publish')
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  const { id, publicationId, key, tags } = await second.next('publish')
  expect({ publicationId, key, tags }).toEqual({ publicationId: 'mine', key: 'k', tags: { t: '1' } })
  const place = { position: 'p1', offset: 1, time: 5 }
  second.send({ type: 'published', id, ...place, publicationId: 'mine', durability: 'disk', duplicate: true })
  expect(await sent).toEqual({ ok: true, ...place, durability: 'disk', duplicate: true })
})

test.each(['monotonic', 'wall'] as const)(
  'does not retry past the window by the %s clock, and delivers what was never sent',
  async (which) => {
    const clock = new TestClock()
    const server = await ScriptedServer.start()
    const client = testClient({ url: server.url, clock, backoff: { minMs: 20, maxMs: 40 } })
    const a = client.channel('a')
    const sent = a.publish('sent')
    const first = await server.peer()
    await first.welcome()
    await first.next('publish')
    first.socket.terminate()
    await untilState(client, 'waiting')
    const queued = a.publish('queued')
    // The machine sleeps for an hour.
    clock[which] += 3_600_000
    const second = await server.peer()
    await second.welcome()
    expect(await second.published(1)).toMatchObject({ data: 'queued', publicationId: queued.id })
    expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown', retryable: false } })
    expect(await queued).toMatchObject({ ok: true })
  },
)

test('gives up a publish that a connected server never answers once the window is over', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const sent = client.channel('a').publish('x')
  const peer = await server.peer()
  await peer.welcome({ retryWindowMs: 20 })
  const command = await peer.next('publish')
  expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown' } })
  peer.acknowledge(command)
  expect(client.state).toBe('connected')
})

test('retries a retryable error, which proves that nothing was stored, however long it takes', async () => {
  const clock = new TestClock()
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, clock, backoff: { minMs: 0, maxMs: 0 } })
  const sent = client.channel('a').publish('x')
  const peer = await server.peer()
  await peer.welcome({ retryWindowMs: 1000 })
  for (let round = 0; round < 5; round++) {
    const command = await peer.next('publish')
    expect(command.publicationId).toBe(sent.id)
    clock.monotonic += 900
    peer.refuse(command, 'overloaded', true)
  }
  await peer.published()
  expect(await sent).toMatchObject({ ok: true })
})

test('stops retrying an error that proves nothing once the window is over', async () => {
  const clock = new TestClock()
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, clock, backoff: { minMs: 0, maxMs: 0 } })
  const sent = client.channel('a').publish('x')
  const peer = await server.peer()
  await peer.welcome({ retryWindowMs: 1000 })
  for (let round = 0; round < 2; round++) {
    const command = await peer.next('publish')
    clock.monotonic += 600
    peer.refuse(command, 'unavailable', true)
  }
  const answer = { code: 'unavailable', message: 'unavailable' }
  expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown', answer } })
})

test('does not take the refusal of a retry for news of the first sending', async () => {
  const clock = new TestClock()
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, clock, backoff: { minMs: 0, maxMs: 0 } })
  const sent = client.channel('a').publish('x')
  const refused = client.channel('b').publish('y')
  const first = await server.peer()
  await first.welcome({ retryWindowMs: 1000 })
  await first.next('publish')
  await first.next('publish')
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome({ retryWindowMs: 1000 })
  const retry = await second.next('publish')
  second.refuse(await second.next('publish'), 'forbidden')
  expect(await refused).toMatchObject({ ok: false, error: { code: 'outcome-unknown' } })
  clock.monotonic += 1000
  second.refuse(retry, 'overloaded', true)
  expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown' } })
})

test('does not ask as another user about what may have been stored for the first', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const sent = client.channel('a').publish('x')
  const first = await server.peer()
  await first.welcome({ user: 'alice' })
  await first.next('publish')
  first.socket.terminate()
  await untilState(client, 'waiting')
  const later = client.channel('a').publish('y')
  const second = await server.peer()
  await second.welcome({ user: 'bob' })
  expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown' } })
  expect(await second.published()).toMatchObject({ data: 'y' })
  expect(await later).toMatchObject({ ok: true })
})

test('gives a final refusal as a value', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const sent = client.channel('a').publish('x')
  const peer = await server.peer()
  await peer.welcome()
  peer.refuse(await peer.next('publish'), 'forbidden')
  expect(await sent).toEqual({ ok: false, error: { code: 'forbidden', message: 'forbidden', retryable: false } })
})

test('refuses loudly when the queue is full, and takes more once there is room', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, maxQueuedPublishes: 2 })
  const a = client.channel('a')
  const sent = [a.publish(1), a.publish(2)]
  expect(await a.publish(3)).toMatchObject({ ok: false, error: { code: 'queue-full', retryable: true } })
  const peer = await server.peer()
  await peer.welcome()
  await peer.published(1)
  await peer.published(2)
  await Promise.all(sent)
  const next = a.publish(4)
  expect(await peer.published(3)).toMatchObject({ data: 4 })
  expect(await next).toMatchObject({ ok: true })
})

test('ends by its signal: as aborted when it was not sent, else as unknown', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const a = client.channel('a')
  const [early, late, gone] = [new AbortController(), new AbortController(), AbortSignal.abort()]
  const unsent = a.publish(1, { signal: early.signal })
  const never = a.publish(2, { signal: gone })
  const sent = a.publish(3, { signal: late.signal })
  early.abort()
  expect(await unsent).toMatchObject({ ok: false, error: { code: 'aborted' } })
  expect(await never).toMatchObject({ ok: false, error: { code: 'aborted' } })
  const peer = await server.peer()
  await peer.welcome()
  const command = await peer.next('publish')
  expect(command.data).toBe(3)
  late.abort()
  expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown' } })
  peer.acknowledge(command)
})

test('ends every publish when the client closes', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const a = client.channel('a')
  const sent = a.publish(1)
  const peer = await server.peer()
  await peer.welcome()
  await peer.next('publish')
  const queued = a.publish(2)
  client.close()
  expect(await sent).toMatchObject({ ok: false, error: { code: 'outcome-unknown' } })
  expect(await queued).toMatchObject({ ok: false, error: { code: 'closed' } })
  expect(await a.publish(3)).toMatchObject({ ok: false, error: { code: 'closed' } })
})

test('keeps frames and payloads within the server’s limits', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const a = client.channel('a')
  const small = Array.from({ length: 50 }, (_, n) => a.publish(`${n} ${'é'.repeat(300)}`))
  const large = a.publish('x'.repeat(5000))
  // As many bytes as a payload may have, but more than a frame may have in base64.
  const bytes = a.publish(new Uint8Array(4000))
  const peer = await server.peer()
  const limits = { maxFrameBytes: 4096, maxPayloadBytes: 4096, maxSubscriptions: 10, maxHistoryPage: 10 }
  await peer.welcome({ limits })
  for (let n = 0; n < 50; n++) expect((await peer.published(n)).data).toMatch(new RegExp(`^${n} `))
  for (const { ok } of await Promise.all(small)) expect(ok).toBe(true)
  expect(await large).toMatchObject({ ok: false, error: { code: 'payload-too-large' } })
  expect(await bytes).toMatchObject({ ok: false, error: { code: 'payload-too-large' } })
  expect(Math.max(...peer.frames.map((frame) => Buffer.byteLength(frame)))).toBeLessThanOrEqual(4096)
  expect(peer.frames.length).toBeLessThan(30)
  expect(client.state).toBe('connected')
})

test('has a bounded amount of data unacknowledged at once', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const a = client.channel('a')
  const sent = Array.from({ length: 40 }, () => a.publish('x'.repeat(16_000)))
  const peer = await server.peer()
  await peer.welcome()
  for (let n = 0; n < 40; n++) {
    await peer.published(n)
    expect(peer.waiting).toBeLessThan(20)
  }
  expect((await Promise.all(sent)).every(({ ok }) => ok)).toBe(true)
})

test('sends the data as it was when it was published', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const data = { list: [1], when: new Date(0), nothing: undefined }
  const bytes = new Uint8Array([1, 2])
  client.channel('a').publish(data)
  client.channel('a').publish(bytes)
  data.list.push(2)
  bytes.fill(9)
  const peer = await server.peer()
  await peer.welcome()
  expect((await peer.published()).data).toEqual({ list: [1], when: '1970-01-01T00:00:00.000Z' })
  expect((await peer.published()).data).toEqual(new Uint8Array([1, 2]))
})

test('throws for data that cannot be sent, and names the path', () => {
  const client = testClient({ url: 'ws://127.0.0.1:1' })
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const wrong = [undefined, () => 1, Number.NaN, 1n, Promise.resolve(1), new Map(), { b: new Uint8Array(1) }, circular]
  for (const data of [...wrong, 'hello 😀'.slice(0, 7)]) {
    expect(() => client.channel('a').publish({ in: [data] })).toThrow(
      expect.objectContaining({
        name: 'TidingsError',
        code: 'bad-payload',
        message: expect.stringMatching(/^data\.in\[0\]/) as string,
      }) as Error,
    )
  }
})

test('sends buffers of any kind and realm as bytes', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const buffer = Uint8Array.of(1, 2).buffer
  const foreign: unknown = runInNewContext('Uint8Array.of(1, 2).buffer')
  for (const data of [buffer, new DataView(buffer), foreign]) void client.channel('a').publish(data)
  const peer = await server.peer()
  await peer.welcome()
  for (let count = 0; count < 3; count++) expect((await peer.published()).data).toEqual(Uint8Array.of(1, 2))
})

/** Asks somebody, and fails at that. */
const slowSchema: StandardSchemaV1<string> = {
  '~standard': { version: 1, vendor: 'test', validate: () => Promise.reject(new Error('no')) },
}

test('checks data against the contract’s schema before it is sent', async () => {
  const app = defineContract({
    'chat:{room}': channel({ data: z.object({ text: z.string().max(3) }) }),
    'slow:{room}': channel({ data: slowSchema }),
  })
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, contract: app })
  const lobby = client.channel('chat:{room}', { room: 'lobby' })
  expect(await lobby.publish({ text: 'long' })).toMatchObject({ ok: false, error: { code: 'invalid-data' } })
  expect(server.accepted).toBe(0)
  const sent = lobby.publish({ text: 'hi' })
  const unchecked = client.channel('slow:{room}', { room: 'lobby' }).publish('x')
  const peer = await server.peer()
  await peer.welcome()
  await peer.published()
  await peer.published()
  expect(await sent).toMatchObject({ ok: true })
  expect(await unchecked).toMatchObject({ ok: true })
  expect(() => client.channel('other' as 'chat:{room}', { room: 'x' })).toThrow(/no channel/)
})

test('does not hand out what it published with echo: false, even when a catch-up brings it', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const a = client.channel('a')
  const subscription = a.subscribe()
  const items = subscription[Symbol.asyncIterator]()
  const sent = a.publish('mine', { echo: false })
  const first = await server.peer()
  await first.welcome()
  await first.subscribed('p0')
  expect(await first.next('publish')).toMatchObject({ echo: false })
  first.socket.terminate()
  const second = await server.peer()
  await second.welcome()
  await second.subscribed('p0')
  await second.published(1)
  const own = { position: 'p1', offset: 1, time: 1, data: 'mine', publisher: 'ann', id: sent.id }
  const others = { ...own, position: 'p2', offset: 2, publisher: 'bob' }
  const mark = { position: 'p3', offset: 3, id: 'x', echo: false } as const
  second.send({ type: 'publications', channel: 'a', publications: [own, others, mark] })
  expect(await take(items, 1)).toMatchObject([{ offset: 2, publisher: 'bob' }])
  expect(subscription.position).toBe('p3')
})

test('says of a repeat, and of nothing else, until when it may be stored', async () => {
  const clock = new TestClock()
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url, clock })
  const sent = client.channel('a').publish('x')
  const first = await server.peer()
  await first.welcome({ retryWindowMs: 60_000 })
  expect((await first.next('publish')).withinMs).toBeUndefined()
  clock.monotonic += 20_000
  first.socket.terminate()
  await untilState(client, 'waiting')
  const second = await server.peer()
  await second.welcome({ retryWindowMs: 50_000 })
  const repeat = await second.next('publish')
  expect(repeat).toMatchObject({ publicationId: sent.id, withinMs: 30_000 })
  second.refuse(repeat, 'unavailable', true)
  const passing = setInterval(() => (clock.monotonic += 100), 1)
  onTestFinished(() => clearInterval(passing))
  // What has passed since the first sending has passed since `connected` too.
  expect(await second.next('publish')).toMatchObject({ withinMs: 30_000 })
  const fresh = client.channel('a').publish('y')
  const { publicationId, withinMs } = await second.next('publish')
  expect([publicationId, withinMs]).toEqual([fresh.id, undefined])
})

import { jsonCodec, type ServerMessage } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import type { RawClient } from '@tidings/testing'
import { describe, expect, test } from 'vitest'
import { allow, connect, LoggedLines, start } from '../node.fixture.js'

const publicationsOf = (received: readonly ServerMessage[]) =>
  received.flatMap((item) => (item.type === 'publications' ? item.publications : []))

const nested = (depth: number): string => `${'['.repeat(depth)}1${']'.repeat(depth)}`

describe('what was published', () => {
  test('is acknowledged with its position, offset, time and durability', async () => {
    const client = await connect(await start(), { token: 'ada' })
    await client.request({ type: 'subscribe', channel: 'any:a' })
    const reply = await client.request({ type: 'publish', channel: 'any:a', data: [1], publicationId: 'p1' })
    expect(reply).toMatchObject({ type: 'published', offset: 1, publicationId: 'p1', durability: 'memory' })
    await client.countOf('any:a', 1)
    const { position, time } = reply as { position: string; time: number }
    expect(publicationsOf(client.received)).toEqual([
      { offset: 1, position, time, data: [1], publisher: 'ada', id: 'p1' },
    ])
  })

  test('keeps nothing where the rules say so', async () => {
    const client = await connect(await start())
    expect(await client.request({ type: 'publish', channel: 'typing:a', data: 1 })).toMatchObject({
      durability: 'none',
    })
  })

  test('carries its key and tags', async () => {
    const client = await connect(await start())
    await client.request({ type: 'subscribe', channel: 'any:a' })
    const fields = { key: 'k', tags: { a: '1', constructor: 'c' } }
    await client.request({ type: 'publish', channel: 'any:a', data: null, ...fields })
    await client.countOf('any:a', 1)
    expect(publicationsOf(client.received)).toMatchObject([fields])
    expect(await client.request({ type: 'history', channel: 'any:a' })).toMatchObject({ publications: [fields] })
  })

  test('is the same for both codecs, JSON and bytes', async () => {
    const node = await start()
    const json = await connect(node)
    const binary = await connect(node, { codec: msgpackCodec })
    const data = [null, true, -1.5, 2 ** 53, 'é\u0000🙂', [], {}, { a: [{ b: null }] }, '']
    const bytes = [new Uint8Array(), new Uint8Array([0, 255, 128])]
    for (const client of [json, binary]) await client.request({ type: 'subscribe', channel: 'long:a' })
    for (const client of [json, binary]) {
      for (const item of [...data, ...bytes]) await client.request({ type: 'publish', channel: 'long:a', data: item })
    }
    const all = [...data, ...bytes, ...data, ...bytes]
    for (const client of [json, binary]) {
      await client.countOf('long:a', all.length)
      expect(client.dataOf('long:a')).toEqual(all)
      const page = await client.request({ type: 'history', channel: 'long:a' })
      expect(page).toMatchObject({ publications: all.map((item) => ({ data: item })) })
    }
  })

  test('keeps the order of 200 publishes in one frame', async () => {
    const client = await connect(await start())
    await client.request({ type: 'subscribe', channel: 'long:a' })
    client.send(Array.from({ length: 200 }, (_, data) => ({ type: 'publish', id: data + 10, channel: 'long:a', data })))
    await client.countOf('long:a', 200)
    expect(client.dataOf('long:a')).toEqual(Array.from({ length: 200 }, (_, data) => data))
  })

  test('is what the schema gives out', async () => {
    const client = await connect(await start())
    await client.request({ type: 'subscribe', channel: 'shaped:a' })
    await client.request({ type: 'publish', channel: 'shaped:a', data: { text: 'hi', extra: 1 } })
    await client.countOf('shaped:a', 1)
    expect(client.dataOf('shaped:a')).toEqual([{ text: 'HI', mood: 'fine' }])
  })

  test('keeps the order behind an asynchronous schema', async () => {
    const client = await connect(await start())
    await client.request({ type: 'subscribe', channel: 'later:a' })
    client.send([0, 3, -1, 5, 1].map((data, index) => ({ type: 'publish', id: index + 10, channel: 'later:a', data })))
    await client.countOf('later:a', 4)
    expect(client.dataOf('later:a')).toEqual([0, 3, 5, 1])
    expect(await client.next('error')).toMatchObject({ id: 12, code: 'invalid-data' })
  })

  test('is an echo mark for subscriptions of the session that asked for it, and whole for others', async () => {
    const node = await start()
    const client = await connect(node)
    const other = await connect(node, { codec: msgpackCodec })
    for (const sub of [0, 3]) await client.request({ type: 'subscribe', channel: 'any:a', sub })
    await other.request({ type: 'subscribe', channel: 'any:a' })
    const publish = { type: 'publish', channel: 'any:a' } as const
    await client.request({ ...publish, data: 1, echo: false, publicationId: 'mine' })
    await client.request({ ...publish, data: 2 })
    await other.countOf('any:a', 2)
    await client.countOf('any:a', 2)
    expect(other.dataOf('any:a')).toEqual([1, 2])
    for (const sub of [undefined, 3]) {
      const pushes = client.received.filter((item) => item.type === 'publications' && item.sub === sub)
      expect(publicationsOf(pushes)).toMatchObject([
        { offset: 1, id: 'mine', echo: false },
        { offset: 2, data: 2 },
      ])
      expect(JSON.stringify(publicationsOf(pushes)[0])).not.toContain('data')
    }
  })
})

describe('echo: false', () => {
  const MANY = 5000
  const publishMany = async (client: RawClient): Promise<void> => {
    for (let start = 0; start < MANY; start += 500) {
      client.send(
        Array.from({ length: 500 }, (_, index) => ({
          ...{ type: 'publish', id: 10_000 + start + index, channel: 'long:a', data: start + index, echo: false },
        })),
      )
      await client.find((item) => item.type === 'published' && item.id === 10_000 + start + 499)
    }
  }
  const marksOf = (client: RawClient): number =>
    publicationsOf(client.received.filter(({ type }) => type === 'publications')).filter((item) => 'echo' in item)
      .length

  test('holds for a subscription of the same session that begins later, however much it published', async () => {
    const client = await connect(await start({ limits: 'load-test' }))
    const { position } = (await client.request({ type: 'subscribe', channel: 'long:a' })) as { position: string }
    await client.request({ type: 'unsubscribe', channel: 'long:a' })
    await publishMany(client)
    await client.request({ type: 'publish', channel: 'long:a', data: 'heard' })
    await client.request({ type: 'subscribe', channel: 'long:a', from: position })
    await client.next(
      'caught-up',
      client.received.findLastIndex(({ type }) => type === 'subscribed'),
    )
    expect(client.dataOf('long:a')).toEqual(['heard'])
    expect(marksOf(client)).toBe(MANY)
    await client.request({ type: 'subscribe', channel: 'long:a', sub: 1, rewind: { count: 3 } })
    await client.find((item) => item.type === 'caught-up' && item.sub === 1)
    expect(client.dataOf('long:a')).toEqual(['heard', 'heard'])
  })

  test('is a mark for one session only, with both codecs and compressed', async () => {
    const node = await start({ compression: true })
    for (const codec of [jsonCodec, msgpackCodec]) {
      const [own, other] = [await connect(node, { codec }), await connect(node, { codec })]
      for (const client of [own, other])
        await client.request({ type: 'subscribe', channel: 'any:a', rewind: { count: 0 } })
      await own.request({ type: 'publish', channel: 'any:a', data: 'mine', echo: false })
      await other.countOf('any:a', 1)
      await own.find((item) => item.type === 'publications')
      expect([own.dataOf('any:a'), marksOf(own), marksOf(other)]).toEqual([[], 1, 0])
      expect(JSON.stringify(other.received)).not.toContain('mutedFor')
      const page = await other.request({ type: 'history', channel: 'any:a' })
      expect(JSON.stringify(page)).not.toContain('mutedFor')
    }
  })
})

describe('a repeated id', () => {
  test('gives the first position and is delivered once', async () => {
    const node = await start()
    const client = await connect(node, { token: 'ada' })
    await client.request({ type: 'subscribe', channel: 'any:a' })
    const publish = { type: 'publish', channel: 'any:a', data: 'once', publicationId: 'p1' } as const
    await client.request(publish)
    const first = await client.next('published')
    const again = await connect(node, { token: 'ada' })
    expect(await again.request(publish)).toEqual({ ...first, id: expect.any(Number) as number, duplicate: true })
    await client.request({ type: 'publish', channel: 'any:a', data: 'next' })
    await client.countOf('any:a', 2)
    expect(client.dataOf('any:a')).toEqual(['once', 'next'])
  })

  test('of another payload is an id-conflict', async () => {
    const client = await connect(await start())
    const publish = { type: 'publish', channel: 'any:a', publicationId: 'p1' } as const
    await client.request({ ...publish, data: 1 })
    expect(await client.request({ ...publish, data: 2 })).toMatchObject({ code: 'id-conflict', retryable: false })
    expect(await client.request({ ...publish, data: 1, key: 'k' })).toMatchObject({ code: 'id-conflict' })
  })

  test('is another one for another user and for another anonymous client', async () => {
    const node = await start()
    const who = [{ token: 'ada' }, { token: 'bob' }, { client: 'c1' }, { client: 'c2' }, {}, {}, { token: 'bob:c1' }]
    for (const [data, options] of who.entries()) {
      const client = await connect(node, options)
      const reply = await client.request({ type: 'publish', channel: 'long:a', data, publicationId: 'p1' })
      expect(reply).toMatchObject({ type: 'published', offset: data + 1 })
      expect(reply).not.toHaveProperty('duplicate')
    }
    const again = await connect(node, { client: 'c1' })
    const reply = await again.request({ type: 'publish', channel: 'long:a', data: 2, publicationId: 'p1' })
    expect(reply).toMatchObject({ offset: 3, duplicate: true })
  })
})

describe('a publish is refused', () => {
  test('when the data does not fit the schema, naming the field', async () => {
    const client = await connect(await start())
    const reply = await client.request({ type: 'publish', channel: 'chat:a', data: { text: 5 } })
    expect(reply).toMatchObject({ type: 'error', code: 'invalid-data', retryable: false })
    expect((reply as { message: string }).message).toMatch(/^text: /)
  })

  test.each([
    ['nowhere:a', 'unknown-channel'],
    ['private:a', 'forbidden'],
    ['any:', 'bad-channel'],
    ['any:a b', 'bad-channel'],
    ['any:e\u0301', 'bad-channel'],
    ['__proto__', 'unknown-channel'],
  ])('on %s with %s', async (channel, code) => {
    const client = await connect(await start())
    expect(await client.request({ type: 'publish', channel, data: 1 })).toMatchObject({ type: 'error', code })
  })

  test('when the data is too large, in bytes', async () => {
    const client = await connect(await start({ limits: { maxPayloadBytes: 100 } }))
    const publish = (data: string | Uint8Array) => client.request({ type: 'publish', channel: 'any:a', data })
    expect(await publish('x'.repeat(98))).toMatchObject({ type: 'published' })
    expect(await publish('x'.repeat(99))).toMatchObject({ code: 'payload-too-large' })
    expect(await publish('é'.repeat(50))).toMatchObject({ code: 'payload-too-large' })
    expect(await publish(new Uint8Array(101))).toMatchObject({ code: 'payload-too-large' })
    expect(await publish(new Uint8Array(100))).toMatchObject({ type: 'published' })
  })

  test.each([
    ['a lone surrogate', '{"type":"publish","id":9,"channel":"any:a","data":"\\ud800"}'],
    ['a key with a lone surrogate', '{"type":"publish","id":9,"channel":"any:a","data":{"\\ud800":1}}'],
    ['a __proto__ key', '{"type":"publish","id":9,"channel":"any:a","data":[{"__proto__":{"a":1}}]}'],
    ['data 65 deep', `{"type":"publish","id":9,"channel":"any:a","data":${nested(65)}}`],
    ['nested bytes', msgpackCodec.encode({ type: 'publish', id: 9, channel: 'any:a', data: [new Uint8Array(1)] })],
    ['NaN', msgpackCodec.encode({ type: 'publish', id: 9, channel: 'any:a', data: { a: NaN } })],
    ['infinity', msgpackCodec.encode({ type: 'publish', id: 9, channel: 'any:a', data: -Infinity })],
  ])('as bad-payload for %s', async (_name, frame) => {
    const client = await connect(await start(), typeof frame === 'string' ? {} : { codec: msgpackCodec })
    client.send(frame)
    expect(await client.next('error')).toMatchObject({ id: 9, code: 'bad-payload' })
    expect(await client.request({ type: 'ping' })).toMatchObject({ type: 'pong' })
  })

  test('but not for data 64 deep', async () => {
    const client = await connect(await start())
    await client.request({ type: 'subscribe', channel: 'any:a' })
    client.send(`{"type":"publish","id":9,"channel":"any:a","data":${nested(64)}}`)
    await client.countOf('any:a', 1)
    expect(JSON.stringify(client.dataOf('any:a')[0])).toBe(nested(64))
  })

  test('as internal when the application’s rule or schema throws, which is logged and hurts nobody else', async () => {
    const logger = new LoggedLines()
    const rules = {
      publish: () => {
        throw new Error('the rule is broken')
      },
      subscribe: () => Promise.reject(new Error('the rule is away')),
    }
    const node = await start({ logger, allow: { ...allow, 'private:{id}': rules } })
    const client = await connect(node)
    const internal = { type: 'error', code: 'internal', retryable: true }
    expect(await client.request({ type: 'publish', channel: 'private:a', data: 1 })).toMatchObject(internal)
    expect(await client.request({ type: 'subscribe', channel: 'private:a' })).toMatchObject(internal)
    expect(await client.request({ type: 'publish', channel: 'broken:a', data: 1 })).toMatchObject(internal)
    expect(await client.request({ type: 'publish', channel: 'any:a', data: 1 })).toMatchObject({ type: 'published' })
    expect(JSON.stringify(client.received)).not.toContain('broken"')
    const errors = logger.lines.map(({ fields }) => (fields as { error: string }).error)
    expect(errors).toEqual(['the rule is broken', 'the rule is away', 'the schema is broken'])
  })
})

import { describe, expect, test } from 'vitest'
import { connect, start } from './node.fixture.js'

describe('a channel of the application', () => {
  test('publishes as nobody, to everyone who is subscribed', async () => {
    const node = await start()
    const client = await connect(node)
    await client.request({ type: 'subscribe', channel: 'chat:a' })
    const lobby = node.tidings.channel('chat:{room}', { room: 'a' })
    expect(lobby.name).toBe('chat:a')
    const outcome = await lobby.publish({ text: 'up' }, { id: 'boot-1', key: 'k', tags: { a: 'b' } })
    expect(outcome).toMatchObject({ ok: true, id: 'boot-1', offset: 1, durability: 'memory', duplicate: false })
    const push = await client.next('publications')
    expect(push.publications).toMatchObject([{ publisher: null, id: 'boot-1', key: 'k', tags: { a: 'b' } }])
    expect(await lobby.publish({ text: 'up' }, { id: 'boot-1', key: 'k', tags: { a: 'b' } })).toMatchObject({
      ok: true,
      offset: 1,
      duplicate: true,
    })
    expect(await lobby.history({ limit: 5 })).toMatchObject({ publications: [{ data: { text: 'up' } }], more: false })
  })

  test('does not share ids with a user or client of any name', async () => {
    const node = await start()
    const client = await connect(node, { token: 'app' })
    await client.request({ type: 'publish', channel: 'any:a', data: 1, publicationId: 'p' })
    const outcome = await node.tidings.channel('any:{name}', { name: 'a' }).publish(2, { id: 'p' })
    expect(outcome).toMatchObject({ ok: true, offset: 2, duplicate: false })
  })

  test('gives failures of the data and the backend as values', async () => {
    const node = await start({ limits: { maxPayloadBytes: 50 } })
    const lobby = node.tidings.channel('chat:{room}', { room: 'a' })
    const wrong = { text: 5 } as unknown as { text: string }
    expect(await lobby.publish(wrong)).toMatchObject({ ok: false, error: { code: 'invalid-data' } })
    const any = node.tidings.channel('any:{name}', { name: 'a' })
    expect(await any.publish('x'.repeat(50))).toMatchObject({ ok: false, error: { code: 'payload-too-large' } })
    expect(await any.publish(() => 5)).toMatchObject({ ok: false, error: { code: 'bad-payload' } })
    expect(await any.publish(undefined)).toMatchObject({ ok: false, error: { code: 'bad-payload' } })
    await any.publish(1, { id: 'p' })
    expect(await any.publish(2, { id: 'p' })).toMatchObject({ ok: false, id: 'p', error: { code: 'id-conflict' } })
  })

  test('copies data at once, as JSON carries it, and buffers as bytes', async () => {
    const node = await start()
    const any = node.tidings.channel('any:{name}', { name: 'a' })
    const data = { at: new Date(0), nothing: undefined, list: [1] }
    const published = any.publish(data)
    data.list.push(2)
    expect(await published).toMatchObject({ ok: true })
    expect(await any.publish(Uint8Array.of(1, 2).buffer)).toMatchObject({ ok: true })
    expect(await any.publish(new DataView(Uint8Array.of(3).buffer))).toMatchObject({ ok: true })
    const { publications } = await any.history()
    expect(publications.map((publication) => publication.data)).toEqual([
      { at: '1970-01-01T00:00:00.000Z', list: [1] },
      Uint8Array.of(1, 2),
      Uint8Array.of(3),
    ])
  })

  test.each<[string, unknown]>([
    ['a Promise', Promise.resolve(1)],
    ['a Map', new Map()],
    ['a bigint', 1n],
    ['NaN', NaN],
    ['bytes', new Uint8Array(1)],
    ['a cut emoji', 'hello 😀'.slice(0, 7)],
  ])('refuses %s inside the data, and names the path', async (_name, value) => {
    const node = await start()
    const any = node.tidings.channel('any:{name}', { name: 'a' })
    expect(await any.publish({ list: [value] })).toMatchObject({
      ok: false,
      error: { code: 'bad-payload', message: expect.stringContaining('data.list[0]') as string },
    })
  })

  test('refuses an id, a key and tags that break the bounds of the protocol', async () => {
    const node = await start()
    const any = node.tidings.channel('any:{name}', { name: 'a' })
    await expect(any.publish(1, { id: '' })).rejects.toThrow(TypeError)
    await expect(any.publish(1, { id: 'x'.repeat(129) })).rejects.toThrow('publicationId must be')
    await expect(any.publish(1, { key: 'x'.repeat(129) })).rejects.toThrow('key must be')
    await expect(any.publish(1, { tags: { a: '' } })).rejects.toThrow('tags must be')
  })

  test('throws for a channel that cannot be', async () => {
    const node = await start()
    expect(() => node.tidings.channel('chat:{room}', { room: 'a:b' })).toThrow('one segment')
    const nowhere = 'nowhere:{a}' as 'any:{name}'
    expect(() => node.tidings.channel(nowhere, { name: 'x' })).toThrow()
  })

  test('tells who is present', async () => {
    const node = await start()
    const client = await connect(node, { token: 'ada' })
    await client.request({ type: 'presence', channel: 'chat:a', action: 'enter', data: 1 })
    expect(await node.tidings.channel('chat:{room}', { room: 'a' }).members()).toMatchObject([{ user: 'ada', data: 1 }])
  })
})

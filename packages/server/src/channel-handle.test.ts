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

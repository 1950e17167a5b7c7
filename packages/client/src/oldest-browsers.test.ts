import { createContext, runInContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { APPLICATION, bundle } from '../test/bundle.js'
import { ScriptedServer } from '../test/scripted-server.js'
import { take } from '../test/test-client.js'
import type { createClient } from './index.js'

/** What at least one of the oldest supported browsers lacks: Safari 15.4, Chrome and Edge 93, Firefox 92. */
const WITHOUT_NEWER_BUILT_INS = `
  const missing = [
    [String.prototype, 'isWellFormed', 'toWellFormed'],
    [Array, 'fromAsync'],
    [Array.prototype, 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'toSpliced', 'with'],
    [Object, 'groupBy'],
    [Map, 'groupBy'],
    [Promise, 'withResolvers', 'try'],
    [Set.prototype, 'union', 'intersection', 'difference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom'],
    [ArrayBuffer.prototype, 'transfer', 'transferToFixedLength', 'resize', 'detached'],
    [Uint8Array, 'fromBase64', 'fromHex'],
    [Uint8Array.prototype, 'toBase64', 'toHex', 'findLast', 'toSorted', 'with'],
    [globalThis, 'Iterator', 'structuredClone', 'navigator'],
  ]
  for (const [owner, ...names] of missing) for (const name of names) delete owner[name]
`

class OldUrl extends URL {
  static override canParse = undefined as unknown as typeof URL.canParse
}

test('runs without what the oldest supported browsers lack', async () => {
  const server = await ScriptedServer.start()
  const { AbortController, performance, TextEncoder, setTimeout, clearTimeout, queueMicrotask, btoa, atob } = globalThis
  const platform = { AbortController, performance, TextEncoder, setTimeout, clearTimeout, queueMicrotask, btoa, atob }
  const crypto = { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => globalThis.crypto.getRandomValues(bytes) }
  const page = createContext({ ...platform, crypto, WebSocket, URL: OldUrl, location: { href: 'http://localhost/' } })
  runInContext(WITHOUT_NEWER_BUILT_INS, page)
  runInContext(await bundle(APPLICATION), page)
  const client = (page.createClient as typeof createClient)({ url: server.url, token: () => 'ann' })
  onTestFinished(() => client.close())
  const channel = client.channel('chat:{room}', { room: 'Zoë 😀'.normalize().replace(' ', '-') })
  const abort = new AbortController()
  const subscription = channel.subscribe({ rewind: 1, presence: true, signal: abort.signal })
  const items = subscription[Symbol.asyncIterator]()
  const sent = channel.publish({ at: new Date(0), text: '😀' }, { key: 'k', tags: { a: 'b' }, signal: abort.signal })
  const bytes = channel.publish(new Uint8Array([1, 2]).buffer)
  const entered = channel.presence.enter({ x: 1 })
  const peer = await server.peer()
  await peer.welcome()
  await peer.subscribed('p0')
  const entering = await peer.next('presence')
  peer.send({ type: 'presence', id: entering.id, channel: channel.name, member: 'm' })
  expect((await peer.published(1)).data).toEqual({ at: '1970-01-01T00:00:00.000Z', text: '😀' })
  expect((await peer.published(2)).data).toEqual(new Uint8Array([1, 2]))
  peer.push(channel.name, [1, 2])
  expect(await take(items, 2)).toMatchObject([{ offset: 1 }, { offset: 2 }])
  for (const result of [sent, bytes, entered]) expect(await result).toMatchObject({ ok: true })
  expect(() => channel.publish('\ud83d')).toThrow('half a surrogate pair')
  abort.abort()
  expect(subscription.state).toBe('ended')
})

test('is written without syntax that the oldest supported browsers lack', async () => {
  const code = await bundle(APPLICATION)
  // Lookbehind and class static blocks (Safari 16.4), the flag v of regular expressions (Safari 17).
  for (const syntax of [/\(\?<[=!]/, /static\s*\{/, /\/[a-z]*v[a-z]*\.(test|exec)\(/]) expect(code).not.toMatch(syntax)
})

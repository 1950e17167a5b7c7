import { once } from 'node:events'
import type { Client, PublishResult, Subscription, SubscriptionItem } from '@tidings/client'
import { describe, expect, it } from 'vitest'
import { CLIENT_ADDRESS, ProxiedNode, type ProxyProgram } from './proxied-node.js'

const ROOM = { room: 'lobby' }
const BATCH = 50

const lobby = (client: Client) => client.channel('chat:{room}', ROOM)

const publish = (client: Client, from: number): Promise<readonly PublishResult[]> =>
  Promise.all(Array.from({ length: BATCH }, (_, index) => lobby(client).publish(from + index)))

/** The data of the next items; a gap is one too, so that it cannot be overlooked. */
const take = async (
  items: AsyncIterator<SubscriptionItem, undefined, undefined>,
  count: number,
): Promise<readonly unknown[]> => {
  const taken: unknown[] = []
  while (taken.length < count) {
    const { value, done } = await items.next()
    if (done === true) throw new Error('the subscription ended')
    taken.push(value.kind === 'publication' ? value.data : value)
  }
  return taken
}

const numbers = (from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => from + index)

const live = (subscription: Subscription): Promise<void> =>
  new Promise((resolve) => {
    subscription.on('state', ({ state }) => {
      if (state === 'live') resolve()
    })
  })

/** How often a client got a connection so far. */
const connections = (client: Client): (() => number) => {
  let count = 0
  client.on('state', ({ state }) => {
    if (state === 'connected') count += 1
  })
  return () => count
}

/** What the documentation promises of a node behind this proxy. */
export const proxySuite = (program: ProxyProgram): void => {
  describe(`behind ${program.name} as documented`, () => {
    it('clients connect over TLS from pages of the host, and the node knows where they come from', async () => {
      const proxied = await ProxiedNode.start(program)
      const subscription = lobby(proxied.client('bo')).subscribe()
      const items = subscription[Symbol.asyncIterator]()
      await live(subscription)
      const forged = { 'X-Forwarded-For': '203.0.113.1', Forwarded: 'for=203.0.113.2' }
      for (const [token, headers] of [
        ['ann', {}],
        ['eve', forged],
      ] as const) {
        expect(await lobby(proxied.client(token, headers)).publish(token)).toMatchObject({ ok: true })
        const { value } = await items.next()
        expect(value).toMatchObject({ data: token, publisher: `${token}@${CLIENT_ADDRESS}` })
      }
    })

    it('pages of the host that came without TLS are refused, whatever is forged', async () => {
      const proxied = await ProxiedNode.start(program)
      const origin = `http://localhost:${proxied.place.httpsPort}`
      for (const headers of [{}, { 'X-Forwarded-Proto': 'http', Forwarded: 'proto=http' }]) {
        expect(await proxied.statusOf({ ...proxied.socketOptions(headers), origin })).toBe(403)
        expect(await proxied.statusOf(proxied.socketOptions(headers))).toBe(101)
      }
    })

    it('nothing is lost when the proxy reloads and the node restarts', async () => {
      const proxied = await ProxiedNode.start(program)
      const [reader, writer] = [proxied.client('bo'), proxied.client('ann')]
      const connected = connections(reader)
      const subscription = lobby(reader).subscribe()
      const items = subscription[Symbol.asyncIterator]()
      await live(subscription)
      const results = [...(await publish(writer, 0))]
      await proxied.reloadProxy()
      results.push(...(await publish(writer, BATCH)))
      expect(await take(items, 2 * BATCH)).toEqual(numbers(0, 2 * BATCH))
      if (program.keepsConnections) expect(connected()).toBe(1)
      const before = connected()
      const stopped = proxied.node.kill('SIGTERM')
      const meanwhile = publish(writer, 2 * BATCH)
      expect((await stopped).code).toBe(0)
      await proxied.node.restart()
      results.push(...(await meanwhile))
      expect(results.filter(({ ok }) => !ok)).toEqual([])
      expect(await take(items, BATCH)).toEqual(numbers(2 * BATCH, BATCH))
      expect(connected()).toBeGreaterThan(before)
    })

    it('what comes without TLS is sent to https', async () => {
      const { place } = await ProxiedNode.start(program)
      const answer = await fetch(`http://localhost:${place.httpPort}/healthz?a=1`, { redirect: 'manual' })
      expect([answer.status, answer.headers.get('location')]).toEqual([
        308,
        expect.stringMatching(/^https:\/\/localhost(:\d+)?\/healthz\?a=1$/),
      ])
    })

    if (!program.cutsIdle) return

    it('an idle client stays connected for longer than the proxy lets silent connections live', async () => {
      const proxied = await ProxiedNode.start(program, 3)
      const client = proxied.client('ann')
      const connected = connections(client)
      const subscription = lobby(client).subscribe()
      const items = subscription[Symbol.asyncIterator]()
      await live(subscription)
      const silent = await proxied.silentSocket()
      await once(silent, 'close')
      expect(await lobby(client).publish('still here')).toMatchObject({ ok: true })
      expect(await take(items, 1)).toEqual(['still here'])
      expect(connected()).toBe(1)
    })
  })
}

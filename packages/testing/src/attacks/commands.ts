import { randomUUID } from 'node:crypto'
import type { RawClient } from '../raw-client.js'
import type { Attack } from './attack.js'
import { answerOf, type Attacker } from './attacker.js'

const CHANNEL = '$channel'

/** JSON as text, because an object of ours would not carry a `__proto__` of its own. `$channel` is a room. */
const TEXTS: readonly (readonly [text: string, ...refusals: readonly string[]])[] = [
  ['{"id":2,"__proto__":{"type":"publish"}}', 'unknown-command'],
  ['{"id":2,"type":"__proto__"}', 'unknown-command'],
  ['{"id":2,"type":"constructor"}', 'unknown-command'],
  ['{"id":2,"type":"toString"}', 'unknown-command'],
  ['{"id":2,"type":["publish"]}', 'unknown-command'],
  ['{"id":2,"type":"subscribe","channel":"__proto__"}', 'unknown-channel', 'forbidden'],
  ['{"id":2,"type":"subscribe","channel":"constructor"}', 'unknown-channel', 'forbidden'],
  ['{"id":2,"type":"subscribe","__proto__":{"channel":"$channel"}}', 'bad-command'],
  ['{"id":2,"type":"subscribe","channel":"$channel","policy":"constructor"}', 'bad-command'],
  ['{"id":2,"type":"presence","channel":"$channel","action":"toString"}', 'bad-command'],
  ['{"id":2,"type":"history","channel":"$channel","direction":"valueOf"}', 'bad-command'],
  ['{"id":2,"type":"publish","channel":"$channel","data":{"__proto__":{"isAdmin":true}}}', 'bad-payload'],
  ['{"id":2,"type":"publish","channel":"$channel","data":[{"a":{"\\u005f_proto__":1}}]}', 'bad-payload'],
  ['{"id":2,"type":"presence","channel":"$channel","action":"enter","data":{"__proto__":1}}', 'bad-payload'],
  ['{"id":2,"type":"publish","channel":"$channel","__proto__":{"data":1}}', 'bad-command', 'bad-payload'],
]

const prototypes: Attack = {
  name: 'prototype-names',
  threat: 'names that every object of JavaScript has change what others see, or stand for what was not sent',
  refusals: ['unknown-command', 'unknown-channel', 'forbidden', 'bad-command', 'bad-payload'],
  run: async (attacker) => {
    const room = attacker.target.channel('prototypes')
    for (const [text, ...refusals] of TEXTS) {
      const client = await attacker.session('eve')
      const start = client.received.length
      client.send(text.replace(CHANNEL, room))
      const answer = client.find(() => true, start).then(answerOf)
      attacker.saw(text, await attacker.inTime(answer), refusals)
      client.socket.terminate()
    }
  },
}

const publish = async (client: RawClient, channel: string, publicationId: string, data: string): Promise<string> => {
  const reply = await client.request({ type: 'publish', channel, publicationId, data })
  if (reply.type !== 'published') return answerOf(reply)
  return reply.duplicate === true ? 'taken for the other user’s' : OWN
}
const OWN = 'stored as one’s own'

/** Two who do not share ids: two users, or two anonymous clients where there are no users. */
const twoClients = async (attacker: Attacker): Promise<readonly [RawClient, RawClient]> => {
  const [ann, eve] = await Promise.all([
    attacker.session('ann', { client: `ann-${randomUUID()}` }),
    attacker.session('eve', { client: `eve-${randomUUID()}` }),
  ])
  return [ann, eve]
}

const otherIds: Attack = {
  name: 'publication-id-of-another',
  threat: 'who uses another’s publication id first silences him, who uses it later learns what he published',
  refusals: [OWN],
  obstacle: ({ facts, target }) =>
    !facts.isDev && target.options.signing === undefined && target.options.token !== undefined
      ? 'one ready token is one user'
      : undefined,
  run: async (attacker) => {
    const [ann, eve] = await twoClients(attacker)
    const channel = attacker.target.channel(`ids-${randomUUID()}`)
    await ann.request({ type: 'subscribe', channel })
    const [before, after] = [randomUUID(), randomUUID()]
    attacker.saw('ann publishes', await publish(ann, channel, before, 'ann 1'))
    attacker.saw('eve with ann’s id and other data', await publish(eve, channel, before, 'eve 1'))
    attacker.saw('eve with an id that ann will use', await publish(eve, channel, after, 'eve 2'))
    attacker.saw('ann with the id that eve used', await publish(ann, channel, after, 'ann 2'))
    if (attacker.attempts.some(({ answer }) => answer !== OWN)) return
    const all = ann.countOf(channel, 4).then(() => ann.dataOf(channel).join(', '))
    attacker.saw('what subscribers saw', await attacker.inTime(all), ['ann 1, eve 1, eve 2, ann 2'])
    const own = await ann.request({ type: 'publish', channel, publicationId: before, data: 'ann changed it' })
    attacker.saw('ann with her own id and other data', answerOf(own), ['id-conflict'])
  },
}

const publishBytes = (client: RawClient, channel: string, bytes: number): Promise<string> =>
  client.request({ type: 'publish', channel, data: 'x'.repeat(bytes) }).then(answerOf)

const hugePayload: Attack = {
  name: 'huge-payload',
  threat: 'one publication that costs everybody a megabyte',
  refusals: ['payload-too-large'],
  run: async (attacker) => {
    const { maxPayloadBytes, maxFrameBytes } = attacker.facts.limits
    const channel = attacker.target.channel('huge')
    const client = await attacker.session('eve')
    if (maxPayloadBytes + 1000 < maxFrameBytes) {
      attacker.saw('a byte too many', await attacker.inTime(publishBytes(client, channel, maxPayloadBytes - 1)))
    }
    const closed = client.closed.then(({ code }) => String(code))
    client.send({ type: 'publish', id: 2, channel, data: 'x'.repeat(maxFrameBytes) })
    attacker.saw('a frame that is too large', await attacker.inTime(closed), ['1009'])
  },
}

const hasPresence = async (attacker: Attacker): Promise<string | undefined> => {
  const client = await attacker.session('eve')
  const reply = await client.request({ type: 'presence', channel: attacker.target.channel('huge'), action: 'get' })
  return reply.type === 'error' ? `no presence on these channels for these users (${reply.code})` : undefined
}

const hugePresence: Attack = {
  name: 'huge-presence-data',
  threat: 'who is present is kept in memory and sent to everybody who asks, with data of any size',
  refusals: ['payload-too-large'],
  obstacle: hasPresence,
  run: async (attacker) => {
    const channel = attacker.target.channel('huge')
    const client = await attacker.session('eve')
    const put = (action: 'enter' | 'update', bytes: number): Promise<string> =>
      attacker.inTime(client.request({ type: 'presence', channel, action, data: 'x'.repeat(bytes) }).then(answerOf))
    const large = Math.floor(attacker.facts.limits.maxFrameBytes * 0.9)
    attacker.saw(`enter with ${large} bytes`, await put('enter', large))
    attacker.saw('enter with little', await put('enter', 10), ['presence'])
    attacker.saw(`update to ${large} bytes`, await put('update', large))
    const reply = await client.request({ type: 'presence', channel, action: 'get' })
    const longest =
      reply.type === 'presence' ? Math.max(...(reply.members ?? []).map(({ data }) => JSON.stringify(data).length)) : -1
    attacker.saw('what others are told of it', longest < 100 ? 'the little' : `${longest} bytes`, ['the little'])
  },
}

const manyEntries: Attack = {
  name: 'presence-everywhere',
  threat: 'one client is present in channels without end',
  refusals: ['too-many-subscriptions', 'rate-limited'],
  obstacle: hasPresence,
  run: async (attacker) => {
    const client = await attacker.session('eve')
    const most = attacker.facts.limits.maxSubscriptions
    const count = Math.min(most, 10_000) + 3000
    for (let id = 10; id < 10 + count; id++) {
      client.send({
        type: 'presence',
        id,
        channel: attacker.target.channel(`everywhere-${id}`),
        action: 'enter',
        data: null,
      })
    }
    attacker.sawCounts(await attacker.countAnswers(client, count), 'presence', most)
  },
}

/** What is said once one is in: names in JSON, ids of others, sizes. */
export const COMMAND_ATTACKS: readonly Attack[] = [prototypes, otherIds, hugePayload, hugePresence, manyEntries]

import type { RawClient } from '../raw-client.js'
import type { Attack } from './attack.js'
import { type Attacker, NO_ANSWER } from './attacker.js'

const FIRST_ID = 10
const PAGES_EACH = 12
const HEARD = 'heard afterwards'

/** A channel whose first page is as large as pages are: 256 KiB. */
const fillChannel = async (attacker: Attacker): Promise<string> => {
  const channel = attacker.target.channel('long-history')
  const writer = await attacker.session('eve')
  for (let index = 0; index < 60; index++) await writer.request({ type: 'publish', channel, data: 'x'.repeat(5000) })
  return channel
}

const askForPages = (client: RawClient, channel: string, count: number): void => {
  for (let index = 0; index < count; index++) client.send({ type: 'history', id: FIRST_ID + index, channel })
}

const sessions = (attacker: Attacker, count: number): Promise<readonly RawClient[]> =>
  Promise.all(Array.from({ length: count }, () => attacker.session('eve')))

const merged = (all: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> => {
  const sum = new Map<string, number>()
  for (const counts of all) for (const [answer, count] of counts) sum.set(answer, (sum.get(answer) ?? 0) + count)
  return sum
}

const pages: Attack = {
  name: 'history-pages',
  threat:
    'one user asks for large pages over many connections, within the rate of commands, and nobody else has a turn',
  refusals: ['rate-limited'],
  run: async (attacker) => {
    const channel = await fillChannel(attacker)
    const clients = await sessions(attacker, 24)
    for (const client of clients) askForPages(client, channel, PAGES_EACH)
    const counts = await Promise.all(clients.map((client) => attacker.countAnswers(client, PAGES_EACH, FIRST_ID)))
    const asked = clients.length * PAGES_EACH
    attacker.sawCounts(merged(counts), 'history', asked - 1)
  },
}

/** Whether somebody of the same user is heard while the others read nothing. */
const isHeard = async (client: RawClient): Promise<string> => {
  const reply = await client.request({ type: 'ping' })
  return reply.type === 'pong' ? HEARD : reply.type
}

const unreadPages: Attack = {
  name: 'unread-history',
  threat: 'many connections ask for pages and read nothing: pages are read and built for nobody, and fill the memory',
  refusals: [HEARD],
  run: async (attacker) => {
    const channel = await fillChannel(attacker)
    const clients = await sessions(attacker, attacker.size(80, 30))
    const [last] = clients
    for (const client of clients) {
      if (client !== last) client.socket.pause()
      askForPages(client, channel, client === last ? 1 : PAGES_EACH)
    }
    if (last !== undefined) attacker.saw('another connection of the user', await attacker.inTime(isHeard(last)))
  },
}

const rewinds: Attack = {
  name: 'rewinding',
  threat: 'subscriptions that begin far back, again and again, cost the node as much as pages do',
  refusals: ['rate-limited'],
  run: async (attacker) => {
    const channel = await fillChannel(attacker)
    const clients = await sessions(attacker, 10)
    const each = attacker.size(300, 150)
    for (const client of clients) {
      for (let index = 0; index < each; index++) {
        client.send([
          { type: 'subscribe', id: FIRST_ID + 2 * index, channel, rewind: { count: 100 } },
          { type: 'unsubscribe', id: FIRST_ID + 2 * index + 1, channel },
        ])
      }
    }
    const counting = clients.map((client) => attacker.countAnswers(client, 2 * each, FIRST_ID))
    const counts = merged(await Promise.all(counting))
    // Within one list of commands a subscription is over before it has begun.
    const known = ['subscribed', 'unsubscribed', 'not-subscribed', 'already-subscribed']
    for (const [answer, count] of counts) if (!known.includes(answer)) attacker.saw(`${count} of them`, answer)
    if (!counts.has('rate-limited')) attacker.saw('all of them', counts.has(NO_ANSWER) ? NO_ANSWER : 'subscribed')
  },
}

/** Reading without end. */
export const HISTORY_ATTACKS: readonly Attack[] = [pages, unreadPages, rewinds]

import { randomUUID } from 'node:crypto'
import type { RawClient } from '../raw-client.js'
import type { Attack } from './attack.js'
import { answerOf, type Attacker } from './attacker.js'

const FIRST_ID = 10
const KEPT = 50
const WHOLE = 'all there'

/** Publishes, subscribes and enters under names that nobody uses, each with an id that must be remembered. */
const fill = (attacker: Attacker, client: RawClient, count: number): Promise<ReadonlyMap<string, number>> => {
  const data = 'x'.repeat(10_000)
  for (let index = 0; index < count; index++) {
    const channel = attacker.target.channel(`fill-${randomUUID()}`)
    const id = FIRST_ID + 3 * index
    client.send([
      { type: 'publish', id, channel, data, publicationId: randomUUID() },
      { type: 'subscribe', id: id + 1, channel },
      { type: 'presence', id: id + 2, channel, action: 'enter', data: data.slice(0, 1000) },
    ])
  }
  return attacker.countAnswers(client, 3 * count, FIRST_ID)
}

const filling: Attack = {
  name: 'filling',
  threat:
    'one user fills the memory, the names or the ids, and what others have stored is gone or they can store no more',
  refusals: [WHOLE, 'published', 'rate-limited', 'overloaded', 'too-many-subscriptions'],
  run: async (attacker) => {
    const channel = attacker.target.channel(`kept-${randomUUID()}`)
    const ann = await attacker.session('ann')
    for (let index = 0; index < KEPT; index++) await ann.request({ type: 'publish', channel, data: index })
    const clients = await Promise.all(Array.from({ length: 10 }, () => attacker.session('eve')))
    const each = attacker.size(300, 30)
    const counts = await Promise.all(clients.map((client) => fill(attacker, client, each)))
    const known = ['published', 'subscribed', 'presence']
    for (const answers of counts) {
      for (const [answer, count] of answers) if (!known.includes(answer)) attacker.saw(`${count} of them`, answer)
    }
    const page = await ann.request({ type: 'history', channel })
    const kept = page.type === 'history' && page.gap === undefined ? page.publications.length : 0
    attacker.saw('what another user stored', kept === KEPT ? WHOLE : `${kept} of ${KEPT} left`)
    const last = await ann.request({ type: 'publish', channel, data: 'more', publicationId: randomUUID() })
    attacker.saw('another publication of that user', answerOf(last), ['published'])
  },
}

/** Using up what all share. */
export const FILLING_ATTACKS: readonly Attack[] = [filling]

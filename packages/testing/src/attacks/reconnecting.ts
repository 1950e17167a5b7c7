import type { Attack } from './attack.js'
import type { Attacker } from './attacker.js'

const FIRST_ID = 10
const COMMANDS_EACH = 100

const reconnecting: Attack = {
  name: 'reconnecting',
  threat: 'a rate begins again with each connection, so that it bounds nothing for a client that reconnects',
  refusals: ['rate-limited'],
  run: async (attacker) => {
    const connections = attacker.size(60, 30)
    const counts = new Map<string, number>()
    for (let times = 0; times < connections; times++) {
      const client = await attacker.session('eve')
      for (let index = 0; index < COMMANDS_EACH; index++) {
        client.send({ type: 'unsubscribe', id: FIRST_ID + index, channel: attacker.target.channel('nowhere') })
      }
      for (const [answer, count] of await attacker.countAnswers(client, COMMANDS_EACH, FIRST_ID)) {
        counts.set(answer, (counts.get(answer) ?? 0) + count)
      }
      await client.close()
    }
    attacker.sawCounts(counts, 'not-subscribed', connections * COMMANDS_EACH - 1)
  },
}

/** What becomes of bad tokens, one a connection, so many at a time. */
const answersToBadTokens = async (attacker: Attacker, count: number): Promise<readonly string[]> => {
  const answers: string[] = []
  for (let left = count; left > 0; left -= 50) {
    const some = Array.from({ length: Math.min(50, left) }, () => attacker.answerToToken('no.token.atall'))
    answers.push(...(await Promise.all(some)))
  }
  return answers
}

const failedTokens: Attack = {
  name: 'failed-tokens',
  threat:
    'tokens are guessed, or the node is kept busy with checking them, while good clients of the same address wait',
  refusals: ['unauthorized 4501', 'rate-limited 4007'],
  obstacle: ({ facts }) => (facts.isDev ? 'under the dev profile tokens are plain names' : undefined),
  run: async (attacker) => {
    attacker.sawAll('bad tokens', await answersToBadTokens(attacker, attacker.size(2000, 200)))
    attacker.saw('a good one', await attacker.answerToToken(attacker.token('ann')), ['connected'])
  },
}

/** Again and again. */
export const RECONNECT_ATTACKS: readonly Attack[] = [reconnecting, failedTokens]

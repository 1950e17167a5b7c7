import type { RawHeaders } from '../raw-socket.js'
import type { Attack } from './attack.js'
import { type Attacker, statusOf } from './attacker.js'

const TOO_MANY = '429 too-many-from-address'

/**
 * What a trusted proxy passes on: its own `X-Forwarded-For` for a client, and what the client wrote itself. `number` is another one for
 * each connection, which a client may change as it likes.
 */
const PROXIED: Readonly<Record<string, (client: string, number: number) => RawHeaders>> = {
  'a Forwarded of its own that is nonsense': (client) => ({ 'X-Forwarded-For': client, Forwarded: 'x' }),
  'a Forwarded of its own for this machine': (client) => ({ 'X-Forwarded-For': client, Forwarded: 'for=127.0.0.1' }),
  'Forwarded headers of its own': (client, number) => ({
    'X-Forwarded-For': client,
    Forwarded: `for=198.51.100.${number}`,
  }),
  'addresses of its own before the proxy’s': (client, number) => ({
    'X-Forwarded-For': [`198.51.100.${number}, 127.0.0.1`, client],
  }),
  'no address': (_client, number) => ({ Forwarded: `for=198.51.100.${number}` }),
  'a hidden address': () => ({ 'X-Forwarded-For': 'unknown' }),
  'the address of this machine': () => ({ 'X-Forwarded-For': '127.0.0.1' }),
}

/** Makes one connection more than an address may have. At least one must be refused. */
const crowd = async (attacker: Attacker, what: string, limit: number, headers: (number: number) => RawHeaders) => {
  const sockets = Array.from({ length: limit + 1 }, (_, number) => {
    const raw = attacker.dial()
    raw.write(attacker.handshake(headers(number + 1)))
    return raw
  })
  const answers = await Promise.all(sockets.map((raw) => attacker.inTime(statusOf(raw))))
  for (const raw of sockets) raw.socket.destroy()
  for (const answer of new Set(answers)) if (answer !== '101') attacker.saw(what, answer)
  if (!answers.includes(TOO_MANY)) attacker.saw(`${limit + 1} connections with ${what}`, '101')
}

const forwardedLimits: Attack = {
  name: 'forwarded-limits',
  threat: 'a client behind a trusted proxy gets past the limits per address with a header of its own',
  refusals: [TOO_MANY],
  isLong: true,
  obstacle: ({ target }) =>
    target.options.proxiedConnections === undefined ? 'the node does not trust this machine as its proxy' : undefined,
  run: async (attacker) => {
    const limit = attacker.target.options.proxiedConnections ?? 0
    for (const [index, [what, headers]] of Object.entries(PROXIED).entries()) {
      await crowd(attacker, what, limit, (number) => headers(`203.0.113.${index + 1}`, number))
    }
  },
}

/** Where one comes from, as a proxy says. */
export const FORWARDING_ATTACKS: readonly Attack[] = [forwardedLimits]

/**
 * Tidings as its users run it: a contract with schemas, history, presence, remembered publication ids, users, and rules that
 * look at them. Whether publications are kept in memory or on disk is said on the command line.
 */
import { channel, defineContract } from '@tidings/contract'
import { defineConfig } from 'tidings'
import * as z from 'zod'

const history = { maxCount: 1000, maxAgeMs: 300_000 }
const trade = z.object({
  symbol: z.string(),
  side: z.enum(['buy', 'sell']),
  price: z.number().positive(),
  amount: z.number().positive(),
  at: z.number(),
  mark: z.string(),
})

const contract = defineContract({
  'chat:{room}': channel({ data: z.object({ text: z.string().max(2000) }), history, presence: true }),
  'user:{id}': channel({ data: z.object({ text: z.string().max(2000) }), history, presence: true }),
  'trades:{symbol}': channel({ data: trade, history, presence: true }),
  'tape:{market}': channel({ data: z.object({ trades: z.array(trade.omit({ mark: true })), mark: z.string() }), history, presence: true }),
})

/** @param {{ readonly user: { readonly id: string } | null }} request */
const isMember = ({ user }) => user?.id.startsWith('member-') === true

export default defineConfig({
  compression: true,
  contract,
  authenticate: ({ token }) => (token !== undefined && /^member-\d+$/.test(token) ? { id: token } : false),
  allow: {
    'chat:{room}': { subscribe: isMember, publish: isMember, presence: isMember },
    'user:{id}': { subscribe: ({ user, params }) => user?.id === params.id, publish: isMember, presence: isMember },
    'trades:{symbol}': { subscribe: isMember, publish: isMember, presence: isMember },
    'tape:{market}': { subscribe: isMember, publish: isMember, presence: isMember },
  },
})

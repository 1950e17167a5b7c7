/**
 * What Tidings serves in the bench, as its users would write it: schemas, history, presence, users, and rules that look at
 * them. Publication ids are remembered by default.
 */
import { channel, defineContract } from '@tidings/contract'
import * as z from 'zod'

const history = { maxCount: 1000, maxAgeMs: 300_000 }
const text = z.object({ text: z.string().max(2000) })
const trade = z.object({
  symbol: z.string(),
  side: z.enum(['buy', 'sell']),
  price: z.number().positive(),
  amount: z.number().positive(),
  at: z.number(),
})

export const contract = defineContract({
  'chat:{room}': channel({ data: text, history, presence: true }),
  'user:{id}': channel({ data: text, history, presence: true }),
  'trades:{symbol}': channel({ data: trade.extend({ mark: z.string() }), history, presence: true }),
  'tape:{market}': channel({
    data: z.object({ trades: z.array(trade), mark: z.string() }),
    history,
    presence: true,
  }),
})

/** @param {{ readonly token: string | undefined }} request */
export const authenticate = ({ token }) => (token !== undefined && /^member-\d+$/.test(token) ? { id: token } : false)

/** @param {{ readonly user: { readonly id: string } | null }} request */
const isMember = ({ user }) => user?.id.startsWith('member-') === true
const members = { subscribe: isMember, publish: isMember, presence: isMember }

/** @type {import('@tidings/server').AccessRules<typeof contract>} */
export const allow = {
  'chat:{room}': members,
  'user:{id}': { ...members, subscribe: ({ user, params }) => user?.id === params.id },
  'trades:{symbol}': members,
  'tape:{market}': members,
}

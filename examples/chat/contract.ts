import { channel, defineContract } from '@tidings/contract'
import * as z from 'zod'
import { MAX_NAME_LENGTH, MAX_TEXT_LENGTH } from './src/limits.js'

const DAY_MS = 24 * 60 * 60 * 1000

/** What browser and server agree on. The page imports only its type: the schemas are checked by the server. */
export const chat = defineContract({
  'chat:{room}': channel({
    data: z.object({
      text: z.string().min(1).max(MAX_TEXT_LENGTH),
      /** Shown only for publications without a publisher: anybody can write anything here. */
      name: z.string().min(1).max(MAX_NAME_LENGTH).optional(),
    }),
    // As safe as the backend can: fsynced on disk before anybody sees it, or in memory with --memory.
    history: { maxAgeMs: 7 * DAY_MS, maxCount: 100_000 },
    presence: true,
  }),
  /** Keeps nothing: who was not there when it was said need not know. */
  'typing:{room}': channel({ data: z.object({ typing: z.boolean() }) }),
})

export type Chat = typeof chat

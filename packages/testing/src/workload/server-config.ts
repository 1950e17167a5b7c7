import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChannelRules } from '@tidings/contract'
import type { ChannelFacts } from '../checker/history.js'
import { shimLines } from '../storage-shim/register.js'

export const DEDUPE_WINDOW_MS = 120_000
export const MAX_PAYLOAD_BYTES = 65_536

const KEPT = 1_000_000

/** Channels of each durability; `short` and `aged` lose their oldest while somebody sleeps. */
export const RULES = {
  'keep:{name}': { history: { maxCount: KEPT }, durability: 'disk' },
  'short:{name}': { history: { maxCount: 40 }, durability: 'disk' },
  'aged:{name}': { history: { maxAgeMs: 1500 }, durability: 'disk' },
  'memory:{name}': { history: { maxCount: KEPT }, durability: 'memory' },
  'live:{name}': {},
} as const satisfies Readonly<Record<string, ChannelRules>>

/** One channel of each pattern, two of the one that keeps all on the disk. */
export const CHANNELS: readonly [ChannelFacts, ...ChannelFacts[]] = [
  { name: 'keep:a', durability: 'disk', keepsAll: true, dedupeWindowMs: DEDUPE_WINDOW_MS },
  { name: 'keep:b', durability: 'disk', keepsAll: true, dedupeWindowMs: DEDUPE_WINDOW_MS },
  { name: 'short:a', durability: 'disk', keepsAll: false, dedupeWindowMs: DEDUPE_WINDOW_MS },
  { name: 'aged:a', durability: 'disk', keepsAll: false, dedupeWindowMs: DEDUPE_WINDOW_MS },
  { name: 'memory:a', durability: 'memory', keepsAll: true, dedupeWindowMs: DEDUPE_WINDOW_MS },
  { name: 'live:a', durability: 'none', keepsAll: false, dedupeWindowMs: DEDUPE_WINDOW_MS },
]

/** By how much the wall clock of the server is wrong, in milliseconds; it looks there all the time. */
export const SKEW_FILE = 'skew'
/** What happens to the syncs of the server, a SyncFault; it looks there at every sync. */
export const SYNC_FILE = 'sync'

/** Everybody may do everything. */
export const ALLOW = Object.fromEntries(
  Object.keys(RULES).map((pattern) => [pattern, { subscribe: true, publish: true }]),
)

export const NODE_LIMITS = {
  limits: { maxPayloadBytes: MAX_PAYLOAD_BYTES, maxFrameBytes: 262_144, maxBufferedBytes: 16_384 },
  // Short, so that a node that was asleep finds sessions that are past it.
  heartbeat: { intervalMs: 1000, deadlineMs: 2500 },
} as const

const config = (skewFile: string): object => ({ contract: { channels: RULES }, allow: ALLOW, ...NODE_LIMITS, skewFile })

/**
 * Writes the configuration of the server that is broken: everybody is who his token says, the wall clock can be made to
 * jump by writing to the skew file, and syncs to fail by writing to the sync file. Returns the path.
 */
export const writeServerConfig = (dir: string): string => {
  const path = join(dir, 'tidings.config.mjs')
  const text = `import { readFileSync } from 'node:fs'

${shimLines(join(dir, SYNC_FILE))}
const { skewFile, ...settings } = ${JSON.stringify(config(join(dir, SKEW_FILE)), undefined, 2)}

const realNow = Date.now
let skewMs = 0
const look = () => {
  try {
    skewMs = Number(readFileSync(skewFile, 'utf8')) || 0
  } catch {
    skewMs = 0
  }
}
look()
setInterval(look, 50).unref()
Date.now = () => realNow() + skewMs

export default { ...settings, authenticate: ({ token }) => (token === undefined ? null : { id: token }) }
`
  writeFileSync(path, text)
  return path
}

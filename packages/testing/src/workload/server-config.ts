import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ChannelRules } from '@tidings/contract'
import type { ChannelFacts } from '../checker/history.js'
import { shimLines } from '../storage-shim/register.js'

export const DEDUPE_WINDOW_MS = 120_000
/** So short that a process can stand still, and a frame can be held up, for longer. */
export const BRIEF_WINDOW_MS = 9000
export const MAX_PAYLOAD_BYTES = 65_536

const KEPT = 1_000_000

/** Channels of each durability; `short` and `aged` lose their oldest while somebody sleeps. */
export const RULES = {
  'keep:{name}': { history: { maxCount: KEPT }, durability: 'disk' },
  'short:{name}': { history: { maxCount: 40 }, durability: 'disk' },
  'aged:{name}': { history: { maxAgeMs: 1500 }, durability: 'disk' },
  'memory:{name}': { history: { maxCount: KEPT }, durability: 'memory' },
  'live:{name}': {},
  /** Its durability changes between runs. */
  'changing:{name}': { history: { maxCount: KEPT }, durability: 'disk' },
} as const satisfies Readonly<Record<string, ChannelRules>>

/** One channel of each pattern whose rules stay, two of the one that keeps all on the disk. */
export const channelsWith = (dedupeWindowMs: number): readonly [ChannelFacts, ...ChannelFacts[]] => [
  { name: 'keep:a', durability: 'disk', keepsAll: true, dedupeWindowMs },
  { name: 'keep:b', durability: 'disk', keepsAll: true, dedupeWindowMs },
  { name: 'short:a', durability: 'disk', keepsAll: false, dedupeWindowMs },
  { name: 'aged:a', durability: 'disk', keepsAll: false, dedupeWindowMs },
  { name: 'memory:a', durability: 'memory', keepsAll: true, dedupeWindowMs },
  { name: 'live:a', durability: 'none', keepsAll: false, dedupeWindowMs },
]

export const CHANNELS = channelsWith(DEDUPE_WINDOW_MS)

const MAX_CHANGING_CHANNELS = 800

/** Each is for one change of rules and back: what an earlier one left behind is not in its way. */
export const CHANGING_CHANNELS: readonly ChannelFacts[] = Array.from({ length: MAX_CHANGING_CHANNELS }, (_, index) => ({
  ...{ name: `changing:${index + 1}`, durability: 'disk', keepsAll: true, hasChangingRules: true },
  dedupeWindowMs: DEDUPE_WINDOW_MS,
}))

/** The rules of channels whose durability changes, for each durability that they may have. */
export const CHANGING_RULES: Readonly<Record<'disk' | 'memory' | 'none', ChannelRules>> = {
  disk: { history: { maxCount: KEPT }, durability: 'disk' },
  memory: { history: { maxCount: KEPT }, durability: 'memory' },
  none: {},
}

/** By how much the wall clock of the server is wrong, in milliseconds; it looks there all the time. */
export const SKEW_FILE = 'skew'
/** The rules of `changing:{name}` from the next start of the server on, as JSON; absent: those of `RULES`. */
export const RULES_FILE = 'rules'
/** What happens to the syncs of the server, a SyncFault; it looks there at every sync. */
export const SYNC_FILE = 'sync'

/** Everybody may do everything. */
export const ALLOW = Object.fromEntries(
  Object.keys(RULES).map((pattern) => [pattern, { subscribe: true, publish: true }]),
)

export const NODE_LIMITS = {
  limits: {
    profile: 'load-test',
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    maxFrameBytes: 262_144,
    maxBufferedBytes: 16_384,
  },
  // Short, so that a node that was asleep finds sessions that are past it.
  heartbeat: { intervalMs: 1000, deadlineMs: 2500 },
} as const

const config = (dir: string, dedupeWindowMs: number): object => {
  const channels = Object.entries(RULES).map(([pattern, rules]) => [pattern, { ...rules, dedupeWindowMs }])
  const files = { skewFile: join(dir, SKEW_FILE), rulesFile: join(dir, RULES_FILE) }
  return { contract: { channels: Object.fromEntries(channels) as object }, allow: ALLOW, ...NODE_LIMITS, ...files }
}

/**
 * Writes the configuration of the server that is broken: everybody is who their token says. Writing to the skew file makes
 * the wall clock jump, to the sync file makes syncs fail, to the rules file changes the rules of the next start. Returns the path.
 */
export const writeServerConfig = (dir: string, dedupeWindowMs: number): string => {
  const path = join(dir, 'tidings.config.mjs')
  const text = `import { existsSync, readFileSync } from 'node:fs'

${shimLines(join(dir, SYNC_FILE))}
const { skewFile, rulesFile, ...settings } = ${JSON.stringify(config(dir, dedupeWindowMs), undefined, 2)}
if (existsSync(rulesFile)) {
  Object.assign(settings.contract.channels, { 'changing:{name}': JSON.parse(readFileSync(rulesFile, 'utf8')) })
}

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

import { DEFAULT_LIMITS, type Limits } from '../options.js'

/** What nothing reaches. */
const NO_LIMIT = 2 ** 30

/** With room for load tests and for the dev profile: one user, one address or one connection may do what the node can. */
export const LOAD_TEST_LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  maxConnectionsPerAddress: 50_000,
  maxConnectionsPerUser: 50_000,
  requestsPerSecond: NO_LIMIT,
  requestBurst: NO_LIMIT,
  maxPresenceBytes: 4096,
  maxSubscriptions: 1000,
  bytesPerSecond: 134_217_728,
  bytesBurst: 134_217_728,
  publishesPerSecond: 100_000,
  publishBurst: 200_000,
  commandsPerSecond: NO_LIMIT,
  commandBurst: NO_LIMIT,
  historyBytesPerSecond: NO_LIMIT,
  historyBytesBurst: NO_LIMIT,
  connectsPerSecond: NO_LIMIT,
  connectBurst: NO_LIMIT,
  handshakesPerSecond: NO_LIMIT,
  handshakeBurst: NO_LIMIT,
  maxPresenceTotalBytes: NO_LIMIT,
}

export const LIMITS_PROFILES = ['default', 'load-test'] as const
export type LimitsProfile = (typeof LIMITS_PROFILES)[number]

/** A profile, or limits one by one that differ from those of a profile. */
export type LimitsOption = LimitsProfile | (Partial<Limits> & { readonly profile?: LimitsProfile | undefined })

const OF_PROFILE: Readonly<Record<LimitsProfile, Limits>> = { default: DEFAULT_LIMITS, 'load-test': LOAD_TEST_LIMITS }

/** The limits that an option stands for. It must have been checked. Under `dev` they are those of load tests unless it says otherwise. */
export const resolveLimits = (option: LimitsOption | undefined, dev = false): Limits => {
  const { profile = dev ? 'load-test' : 'default', ...given } =
    typeof option === 'string' ? { profile: option } : (option ?? {})
  const set = Object.entries(given).filter(([, value]) => (value as unknown) !== undefined)
  return { ...OF_PROFILE[profile], ...(Object.fromEntries(set) as Partial<Limits>) }
}

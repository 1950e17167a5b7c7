import type { Contract } from '@tidings/contract'
import { checkTokens } from './access/check-tokens.js'
import { compileRule } from './access/declared-rule.js'
import { ACTIONS } from './access/grants.js'
import { checkProxies, type ProxyTrust } from './access/check-proxies.js'
import { listedOrigin } from './access/origin.js'
import { DEFAULT_DEDUPE_WINDOW_MS } from './channels.js'
import { LIMITS_PROFILES, type LimitsProfile, resolveLimits } from './limits/profiles.js'
import { DEFAULT_HEARTBEAT, type Heartbeat, type Limits, type TidingsOptions } from './options.js'
import { OptionsError } from './options-error.js'
import { longestSilenceMs } from './session/freshness.js'

const KEYS = [
  'contract',
  'backend',
  'tokens',
  'authenticate',
  'allow',
  'dev',
  'origins',
  'hosts',
  'trustedProxies',
  'compression',
  'limits',
  'heartbeat',
  'presenceGraceMs',
  'logger',
  'clock',
]

const checkKeys = (path: string, value: object, known: readonly string[]): void => {
  const unknownKey = Object.keys(value).find((key) => !known.includes(key))
  if (unknownKey !== undefined) {
    throw new OptionsError(`${path}${unknownKey} is not an option; options here are ${known.join(', ')}`)
  }
}

/** What timers and `ws` can hold: more would mean no limit at all, or a timer that fires at once. */
const MAX_NUMBER = 2 ** 31 - 1

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const hasMethods = (value: unknown, names: readonly string[]): boolean =>
  isObject(value) && names.every((name) => typeof value[name] === 'function')

/** A group of positive whole numbers with defaults. */
const numbers = <Group extends object>(path: string, given: unknown, defaults: Group): Group => {
  const known = Object.keys(defaults)
  const prefix = path === '' ? '' : `${path}.`
  if (given === undefined) return defaults
  if (!isObject(given)) throw new OptionsError(`${path} must be an object`)
  checkKeys(prefix, given, known)
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [key, value] of set) {
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > MAX_NUMBER) {
      throw new OptionsError(`${prefix}${key} must be a whole number from 1 to ${MAX_NUMBER}`)
    }
  }
  return { ...defaults, ...(Object.fromEntries(set) as Partial<Group>) }
}

const checkAllow = (options: TidingsOptions): void => {
  const allow: unknown = options.allow
  if (allow === undefined) return
  if (!isObject(allow)) throw new OptionsError('allow must be an object')
  for (const [pattern, rules] of Object.entries(allow)) {
    if (options.contract !== undefined && !Object.hasOwn(options.contract.channels, pattern)) {
      throw new OptionsError(`allow['${pattern}'] is not a pattern of the contract`)
    }
    if (!isObject(rules)) throw new OptionsError(`allow['${pattern}'] must be an object`)
    checkKeys(`allow['${pattern}'].`, rules, ACTIONS)
    for (const [action, rule] of Object.entries(rules)) {
      const problem = typeof rule === 'function' ? undefined : compileRule(rule, pattern)
      if (typeof problem === 'string') throw new OptionsError(`allow['${pattern}'].${action} ${problem}`)
    }
  }
}

/** Otherwise a dying connection could hold up a frame until its id is forgotten, and it would be stored a second time. */
const checkWindows = ({ contract }: TidingsOptions, heartbeat: Heartbeat): void => {
  const silenceMs = longestSilenceMs(heartbeat)
  for (const [pattern, { dedupeWindowMs }] of Object.entries(contract?.channels ?? {})) {
    if (dedupeWindowMs !== undefined && dedupeWindowMs <= silenceMs) {
      throw new OptionsError(
        `contract['${pattern}'].dedupeWindowMs must be larger than ${silenceMs}: so long a silent connection may live after heartbeat.deadlineMs`,
      )
    }
  }
  if (silenceMs >= DEFAULT_DEDUPE_WINDOW_MS) {
    const mostMs = DEFAULT_DEDUPE_WINDOW_MS - (silenceMs - heartbeat.deadlineMs)
    throw new OptionsError(`heartbeat.deadlineMs must be less than ${mostMs}`)
  }
}

const checkDurabilities = ({ contract, backend }: TidingsOptions): void => {
  for (const [pattern, { durability }] of Object.entries(contract?.channels ?? {})) {
    if (durability !== undefined && !backend.durabilities.includes(durability)) {
      throw new OptionsError(
        `contract['${pattern}'].durability '${durability}' is not kept by the ${backend.name} backend; it keeps ${backend.durabilities.join(', ')}`,
      )
    }
  }
}

const checkCollaborators = ({ contract, logger, clock }: { [Key in keyof TidingsOptions]?: unknown }): void => {
  if (contract !== undefined && !hasMethods(contract, ['match'])) {
    throw new OptionsError('contract must be what defineContract gives')
  }
  if (logger !== undefined && !hasMethods(logger, ['info', 'warn', 'error'])) {
    throw new OptionsError('logger must have the functions info, warn and error')
  }
  if (clock !== undefined && !hasMethods(clock, ['now', 'monotonic'])) {
    throw new OptionsError('clock must have the functions now and monotonic')
  }
}

const isProfile = (value: unknown): value is LimitsProfile => LIMITS_PROFILES.some((profile) => profile === value)

const checkLimits = (given: unknown, dev: boolean): Limits => {
  const names = LIMITS_PROFILES.join(', ')
  if (isProfile(given)) return resolveLimits(given, dev)
  if (typeof given === 'string') throw new OptionsError(`limits must be one of ${names}, or an object`)
  const profile = isObject(given) ? given.profile : undefined
  if (profile !== undefined && !isProfile(profile)) throw new OptionsError(`limits.profile must be one of ${names}`)
  const numbersGiven = isObject(given)
    ? Object.fromEntries(Object.entries(given).filter(([key]) => key !== 'profile'))
    : given
  return numbers('limits', numbersGiven, resolveLimits(profile, dev))
}

export interface ResolvedOptions extends ProxyTrust {
  readonly limits: Limits
  readonly heartbeat: Heartbeat
  readonly presenceGraceMs: number
  readonly dev: boolean
  readonly compression: boolean
  readonly origins: readonly string[]
  /** Undefined: any. */
  readonly hosts: readonly string[] | undefined
}

const checkOrigins = (given: unknown): readonly string[] => {
  const rule = 'origins must be a list of origins such as https://app.example'
  if (!Array.isArray(given) || !given.every((entry) => typeof entry === 'string')) throw new OptionsError(rule)
  return given.map((entry) => {
    const origin = listedOrigin(entry)
    if (typeof origin === 'string') throw new OptionsError(`${rule}, and '${entry}' ${origin}`)
    return origin.text
  })
}

const checkHosts = (hosts: unknown): readonly string[] | undefined => {
  if (hosts === undefined) return undefined
  const isName = (host: unknown): host is string =>
    typeof host === 'string' &&
    URL.canParse(`http://${host}`) &&
    new URL(`http://${host}`).hostname === host.toLowerCase()
  if (!Array.isArray(hosts) || !hosts.every(isName)) {
    throw new OptionsError('hosts must be a list of names without ports, such as live.example.com')
  }
  return hosts.map((host) => host.toLowerCase())
}

/** Throws OptionsError. Options also come from configuration files and JavaScript, so types are checked again here. */
export const checkOptions = <App extends Contract>(options: TidingsOptions<App>): ResolvedOptions => {
  if (!isObject(options)) throw new OptionsError('options must be an object')
  checkKeys('', options, KEYS)
  const backend: unknown = options.backend
  if (typeof backend !== 'object' || backend === null || !('log' in backend)) {
    throw new OptionsError('backend must be a backend, such as memory() or disk({ dir })')
  }
  const dev = options.dev ?? false
  if (typeof dev !== 'boolean') throw new OptionsError('dev must be true or false')
  const compression = options.compression ?? false
  if (typeof compression !== 'boolean') throw new OptionsError('compression must be true or false')
  if (options.contract === undefined && !dev)
    throw new OptionsError('contract is missing; only with dev may it be left out')
  checkCollaborators(options)
  if (options.authenticate !== undefined && typeof options.authenticate !== 'function') {
    throw new OptionsError('authenticate must be a function')
  }
  checkTokens(options.tokens)
  if (options.authenticate === undefined && options.tokens === undefined && !dev) {
    throw new OptionsError(
      'authenticate or tokens is missing: without them everybody is the same nobody; authenticate: () => null says that on purpose',
    )
  }
  const trust = checkProxies(options.trustedProxies ?? [], dev)
  checkAllow(options)
  checkDurabilities(options)
  const heartbeat = numbers('heartbeat', options.heartbeat, DEFAULT_HEARTBEAT)
  if (heartbeat.deadlineMs <= heartbeat.intervalMs) {
    throw new OptionsError('heartbeat.deadlineMs must be larger than heartbeat.intervalMs')
  }
  checkWindows(options, heartbeat)
  const limits = checkLimits(options.limits, dev)
  const { presenceGraceMs } = numbers('', { presenceGraceMs: options.presenceGraceMs }, { presenceGraceMs: 5000 })
  return {
    limits,
    heartbeat,
    presenceGraceMs,
    dev,
    compression,
    ...trust,
    hosts: checkHosts(options.hosts),
    origins: checkOrigins(options.origins ?? []),
  }
}

import { LIMITS_PROFILES, type LimitsProfile, LOG_LEVELS, type LogLevel, type TrustedProxies } from '@tidings/server'
import { usageError } from '../exit.js'
import { MAX_PORT } from './paths.js'
import { parseRedirectTarget, REDIRECT_TARGET_RULE, type RedirectTarget } from './redirect-target.js'

/** The settings that flags and the environment may have; undefined: not given there. */
export interface SettingValues {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly data?: string | undefined
  readonly memory?: boolean | undefined
  readonly config?: string | undefined
  readonly dev?: boolean | undefined
  readonly echo?: string | undefined
  readonly limits?: LimitsProfile | undefined
  readonly maxFrameBytes?: number | undefined
  readonly maxFragments?: number | undefined
  readonly workers?: number | undefined
  readonly tokenKey?: string | undefined
  /** By the environment only: whoever may list processes sees flags. */
  readonly tokenSecret?: string | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly redirectFrom?: number | undefined
  readonly redirectTo?: RedirectTarget | undefined
  readonly trustedProxies?: readonly string[] | undefined
  /** The header in which those are believed. */
  readonly proxyHeader?: ProxyHeader | undefined
  readonly logLevel?: LogLevel | undefined
  readonly hsts?: boolean | undefined
}

export type ProxyHeader = NonNullable<TrustedProxies['header']>

export const PROXY_HEADERS: readonly ProxyHeader[] = ['x-forwarded-for', 'forwarded']

type Key = keyof SettingValues

/** What commander gives: texts, and true for flags without a value. */
export type SettingFlags = Readonly<Partial<Record<Key, string | true>>>

export const MAX_WORKERS = 128
/** Above it Node could not put a frame into one buffer. */
const MAX_FRAME_BYTES = 1024 * 1024 * 1024
const MAX_FRAGMENTS = 2 ** 31 - 1

const text = (name: string, value: string | true): string => {
  if (typeof value === 'string' && value !== '') return value
  throw usageError(`${name} must not be empty.`)
}

const whole =
  (min: number, max: number) =>
  (name: string, value: string | true): number => {
    const number = Number(value)
    if (typeof value === 'string' && /^\d+$/.test(value) && number >= min && number <= max) return number
    throw usageError(`${name} must be a whole number from ${min} to ${max}, and not '${value}'.`)
  }

const list = (name: string, value: string | true): readonly string[] => {
  const items = text(name, value).split(',')
  return items.map((item) => text(`An item of ${name}`, item.trim()))
}

const oneOf =
  <Word extends string>(known: readonly Word[]) =>
  (name: string, value: string | true): Word => {
    const word = known.find((one) => one === value)
    if (word !== undefined) return word
    throw usageError(`${name} must be one of ${known.join(', ')}, and not '${value}'.`)
  }

const redirectTarget = (name: string, value: string | true): RedirectTarget => {
  const target = parseRedirectTarget(String(value))
  if (target !== undefined) return target
  throw usageError(`${name} ${REDIRECT_TARGET_RULE}, and not '${value}'.`)
}

const proxyHeader = (name: string, value: string | true): ProxyHeader => {
  const header = PROXY_HEADERS.find((each) => each === String(value).toLowerCase())
  if (header !== undefined) return header
  throw usageError(`${name} must be ${PROXY_HEADERS.join(' or ')}, and not '${value}'.`)
}

const yesOrNo = (name: string, value: string | true): boolean => {
  if (value === true || value === '1' || value === 'true') return true
  if (value === '0' || value === 'false') return false
  throw usageError(`${name} must be 1, true, 0 or false, and not '${value}'.`)
}

type Parse<K extends Key> = (name: string, value: string | true) => NonNullable<SettingValues[K]>

const PARSERS: { readonly [K in Key]-?: Parse<K> } = {
  host: text,
  port: whole(0, MAX_PORT),
  data: text,
  memory: yesOrNo,
  config: text,
  dev: yesOrNo,
  echo: text,
  limits: oneOf(LIMITS_PROFILES),
  maxFrameBytes: whole(1, MAX_FRAME_BYTES),
  maxFragments: whole(1, MAX_FRAGMENTS),
  workers: whole(0, MAX_WORKERS),
  tokenKey: text,
  tokenSecret: text,
  tlsCert: text,
  tlsKey: text,
  redirectFrom: whole(0, MAX_PORT),
  redirectTo: redirectTarget,
  trustedProxies: list,
  proxyHeader,
  logLevel: oneOf(LOG_LEVELS),
  hsts: yesOrNo,
}

const KEYS = Object.keys(PARSERS) as readonly Key[]

const words = (key: Key): string[] => key.split(/(?=[A-Z])/).map((word) => word.toLowerCase())

const parse = (name: (key: Key) => string, given: (key: Key) => string | true | undefined): SettingValues =>
  Object.fromEntries(
    KEYS.map((key) => {
      const value = given(key)
      return [key, value === undefined ? undefined : PARSERS[key](name(key), value)]
    }),
  )

export const flagName = (key: Key): string => `--${words(key).join('-')}`

/** `maxFrameBytes` is TIDINGS_MAX_FRAME_BYTES. */
export const variableName = (key: Key): string => `TIDINGS_${words(key).join('_').toUpperCase()}`

/** Throws a usage error that names the flag. */
export const parseFlags = (flags: SettingFlags): SettingValues => parse(flagName, (key) => flags[key])

/** Throws a usage error that names the variable. An empty one is as good as none. */
export const parseEnvironment = (environment: Readonly<Record<string, string | undefined>>): SettingValues =>
  parse(variableName, (key) => {
    const value = environment[variableName(key)]
    return value === '' ? undefined : value
  })

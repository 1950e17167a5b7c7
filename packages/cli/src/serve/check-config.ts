import { resolve } from 'node:path'
import { type Channels, type Contract, ContractError, defineContract } from '@tidings/contract'
import {
  type Authenticate,
  DEFAULT_HEARTBEAT,
  DEFAULT_LIMITS,
  LIMITS_PROFILES,
  LOG_LEVELS,
  type LogLevel,
  type TidingsOptions,
  type TrustedProxies,
} from '@tidings/server'
import { z } from 'zod'
import type { ConfigTokens } from '../config.js'
import { usageError } from '../exit.js'
import { MAX_PORT, pathProblem } from './paths.js'
import { parseRedirectTarget, REDIRECT_TARGET_RULE, type RedirectTarget } from './redirect-target.js'
import { MAX_WORKERS, PROXY_HEADERS } from './setting-values.js'
import type { Page } from './settings.js'

/** A configuration that was checked: the contract is one, paths of files are absolute. */
export interface CheckedConfig {
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly data?: string | undefined
  readonly memory?: boolean | undefined
  readonly dev?: boolean | undefined
  readonly echo?: string | undefined
  readonly workers?: number | undefined
  readonly contract?: Contract | undefined
  readonly allow?: TidingsOptions['allow'] | undefined
  /** Key files are absolute. */
  readonly tokens?: ConfigTokens | undefined
  readonly authenticate?: Authenticate | undefined
  readonly origins?: readonly string[] | undefined
  readonly hosts?: readonly string[] | undefined
  readonly limits?: TidingsOptions['limits'] | undefined
  readonly heartbeat?: TidingsOptions['heartbeat'] | undefined
  readonly compression?: boolean | undefined
  readonly presenceGraceMs?: number | undefined
  readonly tlsCert?: string | undefined
  readonly tlsKey?: string | undefined
  readonly redirectFrom?: number | undefined
  readonly redirectTo?: RedirectTarget | undefined
  readonly trustedProxies?: readonly string[] | TrustedProxies | undefined
  readonly logLevel?: LogLevel | undefined
  readonly hsts?: boolean | undefined
  readonly pages?: readonly Page[] | undefined
}

const text = z.string('must be a text').min(1, 'must not be empty')
const trueOrFalse = z.boolean('must be true or false')
const port = z
  .int(`must be a whole number from 0 to ${MAX_PORT}`)
  .min(0, 'must not be negative')
  .max(MAX_PORT, `must be at most ${MAX_PORT}`)
const workers = z.int(`must be a whole number from 0 to ${MAX_WORKERS}`).min(0, 'must not be negative')
const positive = z.int('must be a positive whole number').min(1, 'must be a positive whole number')

const objectOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : 'must be an object'),
  })

/** Each key of the defaults, a positive whole number. */
const numbersLike = (defaults: object) =>
  objectOf(Object.fromEntries(Object.keys(defaults).map((key) => [key, positive.optional()])))

const profile = z.enum(LIMITS_PROFILES, `must be one of ${LIMITS_PROFILES.join(', ')}`)

/** A profile's name, or numbers and perhaps one. */
const limits = z.preprocess(
  (given) => (typeof given === 'string' ? { profile: given } : given),
  objectOf({
    profile: profile.optional(),
    ...Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((key) => [key, positive.optional()])),
  }),
)

/** The server looks into it: it knows the patterns' parameters. */
const rule = z.unknown()

const anything = z.custom<unknown>((value) => value !== undefined, 'must not be empty')
const texts = z.union([text, z.array(text)], 'must be a text or a list of texts')

/** The server checks what the keys are good for. */
const tokens = objectOf({
  keys: z
    .array(
      objectOf({
        id: text.optional(),
        secret: anything.optional(),
        publicKey: anything.optional(),
        file: text.optional(),
        variable: text.optional(),
      }).refine(
        (key) => Object.keys(key).filter((name) => name !== 'id').length === 1,
        'must have one of secret, publicKey, file and variable',
      ),
      'must be a list of keys',
    )
    .optional(),
  jwks: text.optional(),
  issuer: texts.optional(),
  audience: texts.optional(),
  anonymous: trueOrFalse.optional(),
  requireExpiry: trueOrFalse.optional(),
  maxLifetimeMs: positive.optional(),
  clockToleranceMs: z.int('must be a whole number').min(0, 'must not be negative').optional(),
})

const pagePath = z.string('must be a text').check((context) => {
  const path = context.value === '/' ? undefined : pathProblem(context.value.replace(/\/$/, ''))
  if (path !== undefined) context.issues.push({ code: 'custom', message: path, input: context.value })
})

const page = objectOf({
  title: text,
  path: pagePath,
  dir: text,
  csp: z
    .string('must be a text')
    .regex(/^[\x20-\x7e]*$/, "must be one line such as connect-src 'self'")
    .optional(),
})

const redirectTarget = z
  .union([z.number(), z.string()], REDIRECT_TARGET_RULE)
  .transform((value, context): RedirectTarget => {
    const target = parseRedirectTarget(value)
    if (target !== undefined) return target
    context.issues.push({ code: 'custom', message: REDIRECT_TARGET_RULE, input: value })
    return z.NEVER
  })

const CONFIG = objectOf({
  host: text.optional(),
  port: port.optional(),
  data: text.optional(),
  memory: trueOrFalse.optional(),
  dev: trueOrFalse.optional(),
  echo: text.optional(),
  workers: workers.max(MAX_WORKERS, `must be at most ${MAX_WORKERS}`).optional(),
  // Not looked into by zod, which would copy it: a contract may be an object of any making.
  contract: z.custom<{ readonly channels?: unknown }>(isObject, 'must be a contract').optional(),
  allow: z
    .record(
      z.string(),
      objectOf({
        subscribe: rule.optional(),
        publish: rule.optional(),
        history: rule.optional(),
        presence: rule.optional(),
        create: rule.optional(),
      }),
      'must be an object',
    )
    .optional(),
  tokens: tokens.optional(),
  authenticate: z.custom<Authenticate>((value) => typeof value === 'function', 'must be a function').optional(),
  origins: z.array(text, 'must be a list of origins such as https://app.example').optional(),
  hosts: z.array(text, 'must be a list of names such as live.example.com').optional(),
  limits: limits.optional(),
  heartbeat: numbersLike(DEFAULT_HEARTBEAT).optional(),
  compression: trueOrFalse.optional(),
  presenceGraceMs: positive.optional(),
  tlsCert: text.optional(),
  tlsKey: text.optional(),
  redirectFrom: port.optional(),
  redirectTo: redirectTarget.optional(),
  trustedProxies: z
    .union(
      [z.array(text), z.strictObject({ addresses: z.array(text), header: z.enum(PROXY_HEADERS).optional() })],
      `must be a list of addresses such as 10.0.0.0/8, or { addresses, header } with the header ${PROXY_HEADERS.join(' or ')}`,
    )
    .optional(),
  hsts: trueOrFalse.optional(),
  logLevel: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).optional(),
  pages: z.array(page, 'must be a list of pages').optional(),
})

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Throws a usage error: one sentence with the file's name and the path of the key. */
export const checkConfig = (value: unknown, name: string, dir: string): CheckedConfig => {
  const checked = CONFIG.safeParse(value)
  if (!checked.success) throw usageError(`${name}: ${issueSentence(checked.error.issues[0])}.`)
  const { contract, data, pages, allow, tokens, tlsCert, tlsKey, ...rest } = checked.data
  return {
    ...rest,
    allow: allow as TidingsOptions['allow'],
    tokens: tokens === undefined ? undefined : withAbsoluteFiles(tokens as ConfigTokens, dir),
    contract: contract === undefined ? undefined : asContract(contract, name),
    data: data === undefined ? undefined : resolve(dir, data),
    tlsCert: tlsCert === undefined ? undefined : resolve(dir, tlsCert),
    tlsKey: tlsKey === undefined ? undefined : resolve(dir, tlsKey),
    pages: pages?.map((checked) => ({
      title: checked.title,
      path: checked.path.endsWith('/') ? checked.path : `${checked.path}/`,
      dir: resolve(dir, checked.dir),
      csp: checked.csp,
    })),
  }
}

const withAbsoluteFiles = (tokens: ConfigTokens, dir: string): ConfigTokens => ({
  ...tokens,
  ...(tokens.keys && {
    keys: tokens.keys.map((key) => ('file' in key ? { ...key, file: resolve(dir, key.file) } : key)),
  }),
})

const issueSentence = (issue: z.core.$ZodIssue | undefined): string => {
  if (issue === undefined) return 'is not a configuration'
  const path = pathText(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const key = pathText([...issue.path, issue.keys[0] ?? ''])
    return `${key} is not a setting; settings here are ${knownKeys(issue.path).join(', ')}`
  }
  return path === '' ? `the configuration ${issue.message}` : `${path} ${issue.message}`
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/** `pages[0].dir`, `allow['chat:{room}'].publish`. */
const pathText = (path: readonly PropertyKey[]): string =>
  path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`
      const name = String(key)
      if (!IDENTIFIER.test(name)) return `['${name}']`
      return index === 0 ? name : `.${name}`
    })
    .join('')

const TOKEN_KEY_KEYS = ['id', 'secret', 'publicKey', 'file', 'variable']

const knownKeys = ([top, ...inside]: readonly PropertyKey[]): readonly string[] => {
  if (top === 'tokens') return inside.length > 0 ? TOKEN_KEY_KEYS : Object.keys(tokens.shape)
  if (top === 'limits') return [...Object.keys(DEFAULT_LIMITS), 'profile']
  if (top === 'heartbeat') return Object.keys(DEFAULT_HEARTBEAT)
  if (top === 'pages') return Object.keys(page.shape)
  if (top === 'allow') return ['subscribe', 'publish', 'history', 'presence', 'create']
  return Object.keys(CONFIG.shape)
}

/** What `defineContract` made is taken as it is; the plain form of JSON becomes a contract here. */
const asContract = (contract: { readonly channels?: unknown }, name: string): Contract => {
  if (!isObject(contract.channels)) throw usageError(`${name}: contract.channels must be an object.`)
  if ('match' in contract && typeof contract.match === 'function') return contract as Contract
  const extra = Object.keys(contract).find((key) => key !== 'channels')
  if (extra !== undefined) throw usageError(`${name}: contract.${extra} is not a setting; a contract has channels.`)
  try {
    return defineContract(contract.channels as Channels)
  } catch (error) {
    if (error instanceof ContractError) throw usageError(`${name}: contract: ${error.message}.`)
    throw error
  }
}

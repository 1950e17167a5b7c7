import { resolve } from 'node:path'
import type { Limits, LogLevel, TidingsOptions, TokenOptions } from '@tidings/server'
import { usageError } from '../exit.js'
import type { CertificateFiles } from './certificate.js'
import type { CheckedConfig } from './check-config.js'
import type { LoadedConfig } from './config-file.js'
import { pathProblem } from './paths.js'
import type { RedirectTarget } from './redirect-target.js'
import type { SettingValues } from './setting-values.js'

export type Store = { readonly kind: 'memory' } | { readonly kind: 'disk'; readonly dir: string }

export interface Page {
  readonly title: string
  /** Begins and ends with a slash. */
  readonly path: string
  /** Absolute. */
  readonly dir: string
  /** Its Content-Security-Policy; undefined: the default, empty: none. */
  readonly csp?: string | undefined
}

export interface TlsSettings {
  readonly files: CertificateFiles
  readonly redirectFrom: number | undefined
  /** undefined: to the port that https is served on. */
  readonly redirectTo: RedirectTarget | undefined
}

/** Everything `tidings serve` runs with. */
export interface Settings {
  readonly host: string
  readonly port: number
  readonly store: Store
  readonly echo: string | undefined
  readonly pages: readonly Page[]
  readonly dev: boolean
  /** undefined: no TLS. */
  readonly tls: TlsSettings | undefined
  /** Processes that serve clients beside the one that owns the log; 0: one process does both. */
  readonly workers: number
  readonly logLevel: LogLevel
  /** Has no effect under `dev`. */
  readonly hsts: boolean
  /** What goes to `createTidings` as it is. */
  readonly node: Omit<TidingsOptions, 'backend'>
  /** The configuration file's name for sentences about it, if there is one. */
  readonly configName: string | undefined
}

export const DEFAULT_HOST = '127.0.0.1'
export const DEFAULT_PORT = 8080
export const DEFAULT_DATA = 'tidings-data'
const LOOPBACK_HOSTS = ['127.0.0.1', '::1', 'localhost']

/** Settings of which one source is taken as it is. */
type PlainKey = 'host' | 'port' | 'dev' | 'echo' | 'workers' | 'logLevel' | 'hsts'

/**
 * One value for each setting (`tokens` has been put together before): the flag's, the environment's, the file's, the default, in that order. Throws CommandError
 * for settings that do not go together.
 */
export const resolveSettings = (
  flags: SettingValues,
  environment: SettingValues,
  file: LoadedConfig | undefined,
  workingDir: string,
  tokens?: TokenOptions,
): Settings => {
  const config = file?.config ?? {}
  const plain: Pick<CheckedConfig, PlainKey> = config
  const first = <Key extends PlainKey>(key: Key): SettingValues[Key] => flags[key] ?? environment[key] ?? plain[key]
  const host = first('host') ?? DEFAULT_HOST
  const dev = first('dev') ?? false
  const echo = first('echo')
  const trustedProxies = resolveProxies(flags, environment, config.trustedProxies)
  const { contract, allow, authenticate, origins, hosts, compression, heartbeat, presenceGraceMs } = config
  const profile = flags.limits ?? environment.limits
  const limits = {
    ...(typeof config.limits === 'string' ? { profile: config.limits } : config.limits),
    ...(profile !== undefined && { profile }),
    ...definedLimits(environment),
    ...definedLimits(flags),
  }
  const settings: Settings = {
    host,
    port: first('port') ?? DEFAULT_PORT,
    store: resolveStore([flags, environment, config], workingDir),
    echo,
    pages: config.pages ?? [],
    dev,
    tls: resolveTls([flags, environment, config], workingDir),
    workers: first('workers') ?? 0,
    logLevel: first('logLevel') ?? 'info',
    hsts: first('hsts') ?? false,
    node: {
      dev,
      limits,
      ...(contract !== undefined && { contract }),
      ...(allow !== undefined && { allow }),
      ...(tokens !== undefined && { tokens }),
      ...(authenticate !== undefined && { authenticate }),
      ...(origins !== undefined && { origins }),
      ...(hosts !== undefined && { hosts }),
      ...(compression !== undefined && { compression }),
      ...(heartbeat !== undefined && { heartbeat }),
      ...(presenceGraceMs !== undefined && { presenceGraceMs }),
      ...(trustedProxies !== undefined && { trustedProxies }),
    },
    configName: file?.name,
  }
  checkPaths(settings)
  checkPorts(settings)
  if (settings.hsts && settings.tls === undefined) {
    throw usageError('hsts (--hsts) is sent over TLS only, so it needs tlsCert and tlsKey (--tls-cert, --tls-key).')
  }
  checkWhoMayReachIt(settings)
  return settings
}

const definedLimits = ({ maxFrameBytes, maxFragments }: SettingValues): Partial<Limits> => ({
  ...(maxFrameBytes !== undefined && { maxFrameBytes }),
  ...(maxFragments !== undefined && { maxFragments }),
})

/** Whoever says first where publications are kept is heard: `--data` wins over `memory` in the file. */
const resolveStore = (sources: readonly Pick<SettingValues, 'data' | 'memory'>[], workingDir: string): Store => {
  let isMemoryOpen = true
  for (const { data, memory } of sources) {
    if (memory === true && data !== undefined) {
      throw usageError('memory and data exclude each other: keep one of them (--memory or --data).')
    }
    if (memory === true && isMemoryOpen) return { kind: 'memory' }
    if (data !== undefined) return { kind: 'disk', dir: resolve(workingDir, data) }
    if (memory === false) isMemoryOpen = false
  }
  return { kind: 'disk', dir: resolve(workingDir, DEFAULT_DATA) }
}

/** A flag's or variable's header also goes with the file's addresses, and the other way round. */
const resolveProxies = (
  flags: SettingValues,
  environment: SettingValues,
  given: TidingsOptions['trustedProxies'],
): TidingsOptions['trustedProxies'] => {
  const file = given === undefined || 'addresses' in given ? given : { addresses: given }
  const addresses = flags.trustedProxies ?? environment.trustedProxies ?? file?.addresses
  const header = flags.proxyHeader ?? environment.proxyHeader ?? file?.header
  if (header === undefined) return addresses
  if (addresses !== undefined) return { addresses, header }
  throw usageError('--proxy-header says in which header proxies are believed, so it needs --trusted-proxies too.')
}

type TlsKey = 'tlsCert' | 'tlsKey' | 'redirectFrom' | 'redirectTo'

/** Paths of flags and the environment are relative to the working directory, the file's are absolute already. */
const resolveTls = (sources: readonly Pick<SettingValues, TlsKey>[], workingDir: string): TlsSettings | undefined => {
  const first = <Key extends TlsKey>(key: Key): SettingValues[Key] =>
    sources.find((source) => source[key] !== undefined)?.[key]
  const [cert, key, redirectFrom, redirectTo] = [
    first('tlsCert'),
    first('tlsKey'),
    first('redirectFrom'),
    first('redirectTo'),
  ]
  if (redirectTo !== undefined && redirectFrom === undefined) {
    throw usageError(
      'redirectTo (--redirect-to) says where redirectFrom (--redirect-from) leads, so it needs that too.',
    )
  }
  if (cert !== undefined && key !== undefined) {
    return { files: { cert: resolve(workingDir, cert), key: resolve(workingDir, key) }, redirectFrom, redirectTo }
  }
  if (cert !== undefined) throw usageError('A certificate needs its private key: add tlsKey (--tls-key).')
  if (key !== undefined) throw usageError('A private key needs its certificate: add tlsCert (--tls-cert).')
  if (redirectFrom === undefined) return undefined
  throw usageError(
    'redirectFrom (--redirect-from) leads to https, so it needs tlsCert and tlsKey (--tls-cert, --tls-key).',
  )
}

const checkPorts = ({ port, tls }: Settings): void => {
  if (port !== 0 && tls?.redirectFrom === port) {
    throw usageError(`redirectFrom (--redirect-from) must be another port than ${port}, on which https is served.`)
  }
}

const checkPaths = ({ echo, pages, configName }: Settings): void => {
  const problem = echo === undefined ? undefined : pathProblem(echo)
  if (problem !== undefined) throw usageError(`echo ${problem}.`)
  const taken = pages.find(({ path }, index) => pages.findIndex((other) => other.path === path) !== index)
  if (taken !== undefined) throw usageError(`${configName}: pages has two with the path ${taken.path}.`)
  if (echo !== undefined && pages.some(({ path }) => path === `${echo}/`)) {
    throw usageError(`echo ${echo} is the path of a page.`)
  }
}

const checkWhoMayReachIt = ({ dev, host, node, configName }: Settings): void => {
  if (dev && !LOOPBACK_HOSTS.includes(host)) {
    throw usageError(
      `Under --dev everybody may do everything, so the host must be 127.0.0.1, ::1 or localhost and not '${host}'; ` +
        'to serve others leave --dev out and configure a contract and tokens or authenticate.',
    )
  }
  if (dev) return
  const missing = [
    ...(node.contract === undefined ? ['a contract'] : []),
    ...(node.authenticate === undefined && node.tokens === undefined ? ['tokens (or authenticate)'] : []),
  ]
  if (missing.length === 0) return
  const place = configName ?? 'tidings.config.ts'
  throw usageError(
    `A server for others needs ${missing.join(' and ')} in ${place}; to try Tidings on this machine alone add --dev.`,
  )
}

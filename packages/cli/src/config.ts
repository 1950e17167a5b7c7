import type { ChannelRules, Contract } from '@tidings/contract'
import type {
  AccessRules,
  Authenticate,
  Heartbeat,
  LimitsOption,
  LogLevel,
  TokenKey,
  TokenOptions,
  TrustedProxies,
} from '@tidings/server'

/** Files that `tidings serve` serves beside its WebSocket. */
export interface PageConfig {
  /** What `serve` calls it when it prints its address. */
  readonly title: string
  /** Where it is served, such as `/` or `/chat`. */
  readonly path: string
  /** The folder with its files, relative to the configuration file. Names that begin with a dot and what links lead to outside are not served. */
  readonly dir: string
  /**
   * The Content-Security-Policy that its files are sent with. The default lets the page connect to its own host only, and be
   * shown in frames of its own host only. Empty: none is sent.
   */
  readonly csp?: string
}

/**
 * A key that tokens are signed with: itself, or where it is. A file or an environment variable holds PEM, a JSON Web Key
 * or a secret of at least 32 bytes. A private key is good for `tidings token`; the server uses its public half.
 */
export type ConfigTokenKey =
  | TokenKey
  | { readonly id?: string /** Relative to the configuration file. */; readonly file: string }
  | { readonly id?: string; readonly variable: string }

/** How tokens are checked. */
export interface ConfigTokens extends Omit<TokenOptions, 'keys'> {
  readonly keys?: readonly ConfigTokenKey[]
}

/** A contract without schemas, as JSON can hold it. */
export interface PlainContract {
  readonly channels: Readonly<Record<string, ChannelRules>>
}

/**
 * What the default export of `tidings.config.ts` (`.js`, `.mjs`) or the content of `tidings.config.json` is. Flags and
 * `TIDINGS_…` variables win over it. Relative paths are relative to the file.
 */
export interface Config<App extends Contract = Contract> {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 8080; 0 takes a free one. */
  readonly port?: number
  /** The folder of the disk backend. Default `tidings-data` in the working directory. */
  readonly data?: string
  /** Keep everything in memory, in place of `data`. */
  readonly memory?: boolean
  /** Everybody on this machine may do everything. */
  readonly dev?: boolean
  /** A path whose WebSockets get every frame back, for conformance suites. */
  readonly echo?: string
  /** How many processes serve clients beside the one that keeps the log. Default 0: one process does both. */
  readonly workers?: number
  readonly contract?: App | PlainContract
  /** What users may do, by pattern of the contract. In JSON everything but functions. */
  readonly allow?: AccessRules<App>
  /** How the tokens that clients bring are checked. This or `authenticate` is needed, unless under `dev`. */
  readonly tokens?: ConfigTokens
  readonly authenticate?: Authenticate
  /** Origins of pages that may connect besides pages of the server's own host. */
  readonly origins?: readonly string[]
  /** Names under which pages reach this server; pages of other hosts may not connect. Default: any name. */
  readonly hosts?: readonly string[]
  /** A profile's name (`default` or `load-test`), or limits that differ from it. */
  readonly limits?: LimitsOption
  readonly heartbeat?: Partial<Heartbeat>
  /** Whether permessage-deflate is used with clients that offer it. Default false. */
  readonly compression?: boolean
  /** How long a member stays present when its connection broke without a goodbye. Default 5000. */
  readonly presenceGraceMs?: number
  /** The server's certificate with its chain, in PEM form. With `tlsKey`: serves https and wss, and no other. */
  readonly tlsCert?: string
  /** Its private key, in PEM form and not encrypted. Both files are loaded again when they change. */
  readonly tlsKey?: string
  /** A port whose requests are all redirected to https. */
  readonly redirectFrom?: number
  /**
   * Where those go, if not to `port`: the port that the world sees when another one is mapped to this server's, such as 443,
   * or an origin such as `https://live.example.com`.
   */
  readonly redirectTo?: number | string
  /**
   * Proxies that are believed about where a client comes from: addresses and ranges such as `10.0.0.0/8`, or those and the one
   * header that is believed: `{ addresses, header: 'forwarded' }`. Default header `x-forwarded-for`.
   */
  readonly trustedProxies?: readonly string[] | TrustedProxies
  /** What the log tells: `info` (the default) names refused clients too; `warn`, `error` and `silent` tell less. */
  readonly logLevel?: LogLevel
  /**
   * Whether answers over TLS tell browsers to use TLS only for this name, on every port, for a year. Never sent under `dev`, for
   * localhost or for addresses. Default false.
   */
  readonly hsts?: boolean
  readonly pages?: readonly PageConfig[]
}

/** Gives its argument back, checked by the compiler: parameters in `allow` follow the contract's patterns. */
export const defineConfig = <const App extends Contract>(config: Config<App>): Config<App> => config

import { isIPv4 } from 'node:net'
import { formatPattern, parsePattern } from '@tidings/contract'
import type { RawAddress } from '../raw-socket.js'
import { type SigningKey, tokenOf } from './forge-token.js'

export interface TargetOptions {
  /** The node's WebSocket, such as `ws://127.0.0.1:8080/ws`. */
  readonly url: string
  /** Where it answers 200 while it is well. Default: `/healthz` of the same port. */
  readonly healthUrl?: string
  /** PEM of the authority whose certificates are trusted. Default: those that Node trusts. */
  readonly ca?: string
  /** What the node's tokens are signed with: without it only attacks are tried that need no token of one's own making. */
  readonly signing?: SigningKey
  /** Public keys of the node in PEM form, tried as secrets. */
  readonly publicKeys?: readonly string[]
  /** A ready token for the bystander and for attackers who are let in, where `signing` is not known. */
  readonly token?: string
  /** Channels with one parameter, in which holders of the tokens may subscribe and publish. Default `chat:{room}`. */
  readonly pattern?: string
  /** The node trusts this machine as its proxy, and this is its `maxConnectionsPerAddress`. */
  readonly proxiedConnections?: number
  /** The node's process, whose memory is watched (Linux). */
  readonly pid?: number
  /** Attack a node on another machine too. Only do that to your own. Default false: loopback only. */
  readonly beyondLoopback?: boolean
}

const DEFAULT_PATTERN = 'chat:{room}'
const EVERYTHING = ['subscribe', 'publish', 'history', 'presence']

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || (isIPv4(host) && host.startsWith('127.'))

/** The node that is attacked, and what is known of it beforehand. */
export class Target {
  readonly options: TargetOptions
  readonly url: URL
  readonly healthUrl: URL
  readonly address: RawAddress
  readonly pattern: string

  /** Throws RangeError for an address that is none, or on another machine. */
  constructor(options: TargetOptions) {
    if (!URL.canParse(options.url)) throw new RangeError(`${options.url} is no address`)
    const url = new URL(options.url)
    if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
      throw new RangeError('the address must begin with ws: or wss:')
    if (!isLoopback(url.hostname) && options.beyondLoopback !== true) {
      throw new RangeError(`${url.hostname} is not this machine: attack only what is yours, and say so`)
    }
    this.options = options
    this.url = url
    this.healthUrl = new URL(options.healthUrl ?? `${this.isTls ? 'https' : 'http'}://${url.host}/healthz`)
    this.pattern = options.pattern ?? DEFAULT_PATTERN
    this.address = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || (this.isTls ? 443 : 80)),
      ...(this.isTls ? { tls: this.tls } : undefined),
    }
    if (parsePattern(this.pattern).segments.filter(({ kind }) => kind === 'param').length !== 1) {
      throw new RangeError(`the pattern ${this.pattern} must have one parameter`)
    }
  }

  get isTls(): boolean {
    return this.url.protocol === 'wss:'
  }

  /** The path, and the query if there is one. */
  get path(): string {
    return this.url.pathname + this.url.search
  }

  /** Options of TLS connections: without a certificate for `localhost` none would be let in by name. */
  get tls(): { readonly ca?: string; readonly servername?: string } {
    const { ca } = this.options
    const isName = !isIPv4(this.url.hostname) && !this.url.hostname.startsWith('[')
    return { ...(ca === undefined ? undefined : { ca }), ...(isName ? { servername: this.url.hostname } : undefined) }
  }

  channel(room: string): string {
    const [param] = parsePattern(this.pattern).segments.flatMap((each) => (each.kind === 'param' ? [each.name] : []))
    return formatPattern(this.pattern, { [param ?? '']: room })
  }

  /**
   * A token for a user, if one can be had: made with the key, else the ready one. `allow` is what it allows by pattern,
   * everything on the pattern by default; a ready token allows what it does.
   */
  token(
    user: string,
    allow: Readonly<Record<string, readonly string[]>> = { [this.pattern]: EVERYTHING },
  ): string | undefined {
    const { signing, token } = this.options
    return signing === undefined ? token : tokenOf(signing, user, { tidings: { allow } })
  }
}

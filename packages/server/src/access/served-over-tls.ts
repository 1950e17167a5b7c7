import type { IncomingMessage } from 'node:http'
import { canonicalAddress, type ForwardingHeader, type IsTrustedProxy } from './client-address.js'
import { forwardedParameter } from './forwarded.js'

/** Proxies that look at the WebSocket call it by that name. */
const OVER_TLS: readonly string[] = ['https', 'wss']

type Request = Pick<IncomingMessage, 'headers' | 'socket'>

/**
 * Whether the client is known to have come over TLS: to this server itself, or to the proxy that a trusted one speaks for, in
 * `X-Forwarded-Proto` or, where `Forwarded` is the believed header, in its `proto`. false: it did not, or that cannot be known, as
 * behind a proxy that is not trusted or does not say. The first entry of a list is the client's own. A browser forges none, and
 * whoever else does could forge the Origin too.
 */
export const isServedOverTls = (
  { headers, socket }: Request,
  isTrusted: IsTrustedProxy,
  header: ForwardingHeader = 'x-forwarded-for',
): boolean => {
  const peer = canonicalAddress(socket.remoteAddress ?? '')
  if (peer === undefined || !isTrusted(peer)) return 'encrypted' in socket && socket.encrypted === true
  const scheme =
    header === 'forwarded'
      ? forwardedParameter(firstOf(headers.forwarded ?? ''), 'proto')
      : firstOf(headers['x-forwarded-proto'] ?? '')
  return scheme !== undefined && OVER_TLS.includes(scheme.toLowerCase())
}

const firstOf = (header: string | readonly string[]): string => String(header).split(',', 1)[0]?.trim() ?? ''

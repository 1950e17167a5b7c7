import type { IncomingMessage } from 'node:http'
import { canonicalAddress, type IsTrustedProxy } from './client-address.js'
import { forwardedParameter } from './forwarded.js'

/** Proxies that look at the WebSocket call it by that name. */
const OVER_TLS: readonly string[] = ['https', 'wss']

type Request = Pick<IncomingMessage, 'headers' | 'socket'>

/**
 * Whether the client is known to have come over TLS: to this server itself, or to the proxy that a trusted one speaks for in
 * `X-Forwarded-Proto` or `Forwarded`. false: not, or it cannot be known, as behind a proxy that is not trusted or does not
 * say. Of a list the first is the client's own; who forges that is no browser, and has his Origin for the forging too. When
 * both headers come they must agree.
 */
export const isServedOverTls = ({ headers, socket }: Request, isTrusted: IsTrustedProxy): boolean => {
  const peer = canonicalAddress(socket.remoteAddress ?? '')
  if (peer === undefined || !isTrusted(peer)) return 'encrypted' in socket && socket.encrypted === true
  const { 'x-forwarded-proto': forwardedProto, forwarded } = headers
  const said = [
    ...(forwardedProto === undefined ? [] : [firstOf(forwardedProto)]),
    ...(forwarded === undefined ? [] : [forwardedParameter(firstOf(forwarded), 'proto')]),
  ]
  return said.length > 0 && said.every((scheme) => scheme !== undefined && OVER_TLS.includes(scheme.toLowerCase()))
}

const firstOf = (header: string | readonly string[]): string => String(header).split(',', 1)[0]?.trim() ?? ''

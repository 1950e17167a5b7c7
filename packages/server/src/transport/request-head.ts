import type { IncomingMessage } from 'node:http'
import type { Refusal } from './answer-raw.js'

/** A name, an IPv4 address or an IPv6 one in brackets, with perhaps a port (RFC 3986, section 3.2); never a user. */
const AUTHORITY = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/i
const ABSOLUTE = /^(?:https?|wss?):\/\/(?<authority>[^/?#]+)(?<rest>[^]*)$/i

const bad = (message: string): Refusal => ({ status: 400, code: 'bad-request', message })

const NO_HOST = bad('the request has no Host header: send exactly one')
const MANY_HOSTS = bad('the request has more than one Host header: send exactly one')
const BAD_HOST = bad('the Host header is not a host with perhaps a port')
const BAD_TARGET = bad('the target of the request is neither a path nor an http address with a host')

const hostCount = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.reduce((count, name, index) => (index % 2 === 0 && name.toLowerCase() === 'host' ? count + 1 : count), 0)

/** Why the Host headers of a request are refused (RFC 9112, section 3.2). */
const hostRefusal = (request: IncomingMessage): Refusal | undefined => {
  const count = hostCount(request)
  if (count > 1) return MANY_HOSTS
  if (count === 0) return request.httpVersion === '1.1' ? NO_HOST : undefined
  return AUTHORITY.test(request.headers.host ?? '') ? undefined : BAD_HOST
}

/**
 * Checks the target and the Host of a request, and brings a target in absolute form (`GET http://host/path`) into the form
 * that everybody else sends: `url` becomes the path and the query, and the Host that of the target, whatever the header
 * said (RFC 9112, section 3.2.2). Gives the refusal of one that is not valid; undefined: go on.
 */
export const checkRequest = (request: IncomingMessage): Refusal | undefined => {
  const refusal = hostRefusal(request)
  if (refusal !== undefined) return refusal
  const target = request.url ?? ''
  if (target.startsWith('/') || (target === '*' && request.method === 'OPTIONS')) return undefined
  const { authority, rest = '' } = ABSOLUTE.exec(target)?.groups ?? {}
  if (authority === undefined || !AUTHORITY.test(authority) || authority.startsWith(':')) return BAD_TARGET
  request.url = rest.startsWith('/') ? rest : `/${rest}`
  request.headers.host = authority
  return undefined
}

/** The path of a request's target, in whichever form it is, without the query. */
export const pathOfTarget = (target: string): string => {
  const absolute = ABSOLUTE.exec(target)?.groups
  const rest = absolute === undefined ? target : (absolute.rest ?? '')
  const end = rest.search(/[?#]/)
  const path = end === -1 ? rest : rest.slice(0, end)
  return path === '' ? '/' : path
}

import type { IncomingMessage } from 'node:http'
import type { Refusal } from './answer-raw.js'
import type { DeflateOffer } from './deflate-offer.js'

export const offeredSubprotocols = (request: IncomingMessage): readonly string[] =>
  (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

export const badHandshake = (message: string): Refusal => ({ status: 400, code: 'bad-handshake', message })

const ONLY_GET: Refusal = {
  status: 405,
  code: 'method-not-allowed',
  message: 'a WebSocket is opened with GET',
  headers: { Allow: 'GET' },
}
const NO_VERSION = badHandshake('the handshake has no Sec-WebSocket-Version: send 13')
const OTHER_VERSION: Refusal = {
  status: 426,
  code: 'upgrade-required',
  message: 'this server speaks version 13 of the WebSocket protocol only',
  headers: { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13' },
}
export const MALFORMED_EXTENSIONS = badHandshake('the header Sec-WebSocket-Extensions is not a list of extensions')

/** Why a handshake is refused whoever sends it. ws finds the rest: see `wsClientError`. */
export const handshakeRefusal = ({ method, headers }: IncomingMessage): Refusal | undefined => {
  if (method !== 'GET') return ONLY_GET
  const version = headers['sec-websocket-version']
  // Earlier versions have their Origin in another header, which nobody would check.
  if (version !== '13') return version === undefined ? NO_VERSION : OTHER_VERSION
  return undefined
}

/**
 * The request that ws is to see: it takes one protocol as `Upgrade` only, and answers 400 to offers of compression which it
 * should decline.
 */
export const requestForWs = (request: IncomingMessage, offer: DeflateOffer | undefined): IncomingMessage => {
  const headers = { ...request.headers, upgrade: 'websocket', 'sec-websocket-extensions': offer?.text }
  return Object.create(request, { headers: { value: headers } }) as IncomingMessage
}

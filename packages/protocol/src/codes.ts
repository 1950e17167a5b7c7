/** Every code of the protocol lives here, once. `docs/protocol.md` lists each; a test checks that it does. */

interface ErrorRule {
  /** Whether the same command may succeed later. */
  readonly retryable: boolean
  readonly meaning: string
}

const rule = (retryable: boolean, meaning: string): ErrorRule => ({ retryable, meaning })

/** Codes of error replies and of `subscription-ended`. */
export const ERROR_CODES = {
  'bad-command': rule(false, 'a field is missing, of the wrong type or out of bounds'),
  'unknown-command': rule(false, 'the server does not know this `type`'),
  'not-connected': rule(false, '`connect` must succeed first'),
  'already-connected': rule(false, 'the session sent `connect` before'),
  unauthorized: rule(false, 'the token was refused; after `connect` the connection closes with 4501'),
  'user-changed': rule(false, 'the new token is of another user; the session keeps the one it has'),
  'too-many-connections': rule(true, 'the user has as many connections as one may; the connection closes with 4006'),
  'bad-channel': rule(false, 'the channel name breaks the rules for names'),
  'unknown-channel': rule(false, 'no pattern of the contract matches the channel'),
  forbidden: rule(false, 'the user may not do this on this channel'),
  'already-subscribed': rule(false, 'the session has a subscription with this `channel` and `sub`'),
  'not-subscribed': rule(false, 'the session has no subscription with this `channel` and `sub`'),
  'too-many-subscriptions': rule(false, 'the session reached `limits.maxSubscriptions`'),
  'payload-too-large': rule(false, 'the data is larger than `limits.maxPayloadBytes`'),
  'bad-payload': rule(false, 'the data is not plain JSON or bytes as a whole'),
  'invalid-data': rule(false, 'the data does not fit the channel’s schema'),
  'id-conflict': rule(false, 'this publication id was used for another payload within the dedupe window'),
  'history-disabled': rule(false, 'the channel keeps no history'),
  'presence-disabled': rule(false, 'the channel has no presence'),
  'not-present': rule(false, 'the session did not enter this channel'),
  'rate-limited': rule(
    true,
    'too many commands, connects, publications on this channel, or bytes of history; slow down',
  ),
  overloaded: rule(
    true,
    'the server is at a limit of its own, or the user has as much of it as one may; nothing was stored',
  ),
  'storage-full': rule(true, 'the disk is full; nothing was stored'),
  unavailable: rule(true, 'the backend cannot be reached; nothing is known to be stored'),
  internal: rule(true, 'the server failed in a way it did not expect; it is in its log'),
} as const satisfies Record<string, ErrorRule>

export type ErrorCode = keyof typeof ERROR_CODES

export const isErrorCode = (value: unknown): value is ErrorCode =>
  typeof value === 'string' && Object.hasOwn(ERROR_CODES, value)

/** Close codes the server sends. 4000–4500: reconnect; 4501–4999: do not, the same would happen again. */
export const DISCONNECT_CODES = {
  4000: 'shutdown',
  4001: 'heartbeat-timeout',
  4002: 'slow-consumer',
  4003: 'connect-timeout',
  4004: 'internal',
  4005: 'token-expired',
  4006: 'too-many-connections',
  4007: 'rate-limited',
  4500: 'bad-frame',
  4501: 'unauthorized',
  4502: 'revoked',
} as const

export type DisconnectCode = keyof typeof DISCONNECT_CODES

/**
 * Whether a client should connect again after its connection closed with this code. Also after WebSocket's own codes for
 * bytes that are wrong, and after 4500: that may be the doing of what is between client and server. (A proxy that ends a
 * connection in the middle of a frame may write a goodbye of its own there.)
 */
export const mayReconnect = (closeCode: number): boolean => !(closeCode > 4500 && closeCode <= 4999)

import type { ErrorCode } from '@tidings/protocol'

/** Codes that the SDK itself gives; every other code comes from the server. */
export type LocalErrorCode =
  /** The client was closed, or this was asked of a closed one. */
  | 'closed'
  /** An AbortSignal ended it before it was sent. */
  | 'aborted'
  /** As many publishes as `maxQueuedPublishes` wait already. */
  | 'queue-full'
  /** It was sent and may have been stored, and is too old to be retried without the risk of publishing twice. */
  | 'outcome-unknown'
  /** The server closed the connection and does not want it back, without saying more. */
  | 'connection-lost'
  /** The server locked out the user, the session or its token. */
  | 'revoked'
  /** The server could not read what it was sent. */
  | 'bad-frame'
  /** An option is wrong. */
  | 'bad-option'
  /** This runtime has no WebSocket and none was given. */
  | 'no-websocket'

/** A failure as a value. `retryable`: the same may succeed later. */
export interface Failure {
  readonly code: ErrorCode | LocalErrorCode
  readonly message: string
  readonly retryable: boolean
  /** Of a publish that was tried again: what the server answered last, when it could not take it just then. */
  readonly answer?: Pick<Failure, 'code' | 'message'> | undefined
}

export interface FailedResult {
  readonly ok: false
  readonly error: Failure
}

/**
 * What the SDK throws: for mistakes in the use of it, and from a subscription's iterator when the subscription ended for
 * good.
 */
export class TidingsError extends Error implements Failure {
  override readonly name = 'TidingsError'
  readonly code: ErrorCode | LocalErrorCode
  readonly retryable: boolean

  constructor(code: ErrorCode | LocalErrorCode, message: string, retryable = false) {
    super(message)
    this.code = code
    this.retryable = retryable
  }
}

export const errorOf = (failure: Failure): TidingsError =>
  new TidingsError(failure.code, failure.message, failure.retryable)

export const failed = (code: ErrorCode | LocalErrorCode, message: string, retryable = false): FailedResult => ({
  ok: false,
  error: { code, message, retryable },
})

/** For what the server sent and should not have: the connection catches it and starts anew. */
export const malformed = (): never => {
  throw new TypeError('malformed')
}

import { ERROR_CODES, type ErrorCode, type ErrorReply } from '@tidings/protocol'
import { BackendError, type BackendErrorCode } from '../backend/backend.js'

export const errorReply = (id: number, code: ErrorCode, message: string): ErrorReply => ({
  type: 'error',
  id,
  code,
  message,
  retryable: ERROR_CODES[code].retryable,
})

const FROM_BACKEND: Readonly<Record<BackendErrorCode, ErrorCode>> = {
  'id-conflict': 'id-conflict',
  'storage-full': 'storage-full',
  overloaded: 'overloaded',
  'over-share': 'overloaded',
  unavailable: 'unavailable',
  fenced: 'unavailable',
  locked: 'unavailable',
  damaged: 'unavailable',
}

/** What a failure is called on the wire; undefined for one that nobody foresaw, whose text stays in the server's log. */
export const knownFailure = (error: unknown): { code: ErrorCode; message: string } | undefined =>
  error instanceof BackendError ? { code: FROM_BACKEND[error.code], message: error.message } : undefined

/** Whether the backend refused because one account has its share already. */
export const isOverShare = (error: unknown): boolean => error instanceof BackendError && error.code === 'over-share'

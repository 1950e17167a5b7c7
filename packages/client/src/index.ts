export type { Contract, ContractError, InputOf, OutputOf, ParamsOf, PatternOf } from '@tidings/contract'
export type {
  Codec,
  Durability,
  ErrorCode,
  GapReason,
  JsonValue,
  Member,
  Position,
  PublicationData,
  Rewind,
  SlowPolicy,
  Tags,
} from '@tidings/protocol'
export type { BackoffBounds } from './backoff.js'
export { createClient } from './client.js'
export type * from './options.js'
export { type FailedResult, type Failure, type LocalErrorCode, TidingsError } from './tidings-error.js'
export type * from './types.js'

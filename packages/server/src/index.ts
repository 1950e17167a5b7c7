export { devRefusal, type HandshakeRefusal } from './access/admission.js'
export {
  type Backend,
  BackendError,
  type BackendErrorCode,
  type Bus,
  type Cursor,
  type Log,
  type LogChannel,
  type LogListener,
  type MemberChange,
  type NewPublication,
  type Page,
  type Payload,
  type PresenceStore,
  type PresenceWatch,
  type PublishResult,
  type ReadRequest,
  type State,
  type StoredPublication,
  type Watch,
} from './backend/backend.js'
export type {
  ChannelHandle,
  HistoryPage,
  PublishOptions,
  PublishOutcome,
  RemoteFailure,
} from './channel-handle.js'
export { type Clock, systemClock } from './clock.js'
export type { Health, HealthStatus } from './http/health.js'
export { jsonLogger, type Logger } from './observe/logger.js'
export {
  type AccessRequest,
  type AccessRule,
  type AccessRules,
  type Action,
  type Authenticate,
  type AuthenticateRequest,
  type ChannelAccess,
  DEFAULT_HEARTBEAT,
  DEFAULT_LIMITS,
  type Heartbeat,
  type Identified,
  type Limits,
  type TidingsOptions,
  type User,
} from './options.js'
export { OptionsError } from './options-check.js'
export { createTidings, type Tidings } from './tidings.js'

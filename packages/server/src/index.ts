export { devRefusal, type HandshakeRefusal } from './access/admission.js'
export { createTokenVerifier } from './access/create-token-verifier.js'
export type { Revocation } from './access/revocations.js'
export {
  type TokenCheck,
  type TokenRefusal,
  TOKEN_REFUSALS,
  type TokenRefusalCode,
} from './access/tokens/token-refusal.js'
export type { TokenVerifier, TokenVerifierParts } from './access/tokens/token-verifier.js'
export type { VerifiedToken } from './access/tokens/verified-token.js'
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
export { answerBadRequests } from './http/answer-bad-requests.js'
export { type Health, type HealthStatus, respondHealth } from './http/health.js'
export { OpenFiles, openFilesProblem } from './limits/open-files.js'
export {
  LIMITS_PROFILES,
  type LimitsOption,
  type LimitsProfile,
  LOAD_TEST_LIMITS,
  resolveLimits,
} from './limits/profiles.js'
export type { CountedLimit } from './observe/limits-reached.js'
export {
  createJsonLogger,
  jsonLogger,
  type JsonLoggerOptions,
  LOG_LEVELS,
  type LogFields,
  type Logger,
  type LogLevel,
} from './observe/logger.js'
export { printable, printableJson } from './observe/printable.js'
export {
  type AccessRequest,
  type AccessRule,
  type AccessRules,
  type Action,
  type Authenticate,
  type AuthenticateRequest,
  type ChannelAccess,
  type Claims,
  type DeclaredRule,
  DEFAULT_HEARTBEAT,
  DEFAULT_LIMITS,
  type Heartbeat,
  type Identified,
  type Limits,
  type TidingsOptions,
  type TokenKey,
  type TokenOptions,
  type TrustedProxies,
  type User,
} from './options.js'
export type { PublicJwk } from './public-jwk.js'
export { OptionsError } from './options-error.js'
export { createTidings, type Tidings } from './tidings.js'
export { type Refusal as HttpRefusal } from './transport/answer-raw.js'
export { checkRequest } from './transport/request-head.js'

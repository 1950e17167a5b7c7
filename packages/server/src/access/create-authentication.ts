import type { Backend } from '../backend/backend.js'
import type { Clock } from '../clock.js'
import { describeError, type Logger } from '../observe/logger.js'
import type { Authenticate, TokenOptions } from '../options.js'
import type { Session } from '../session/session.js'
import type { Sessions } from '../session/sessions.js'
import { Authenticator } from './authenticator.js'
import { type Revocation, Revocations } from './revocations.js'
import { tokensOf } from './session-tokens.js'
import { TokenVerifier } from './tokens/token-verifier.js'

export interface AuthenticationParts {
  readonly tokens: TokenOptions | undefined
  readonly authenticate: Authenticate | undefined
  readonly dev: boolean
  readonly backend: Pick<Backend, 'state' | 'bus'>
  /** Those that a revocation ends. */
  readonly sessions: Pick<Sessions, 'find' | 'disconnectAll'>
  readonly clock: Clock
  readonly logger: Logger
}

/** What finds out who somebody is, and forgets nobody who must not get in. */
export interface Authentication {
  readonly authenticator: Authenticator
  readonly revocations: Revocations
  /** undefined: tokens are not checked. */
  readonly verifier: TokenVerifier | undefined
}

export const createAuthentication = (parts: AuthenticationParts): Authentication => {
  const { tokens, authenticate, dev, backend, sessions, clock, logger } = parts
  const verifier =
    tokens === undefined
      ? undefined
      : new TokenVerifier(tokens, {
          clock,
          failed: (why) => logger.warn('the keys at tokens.jwks could not be fetched', { why }),
        })
  const revocations = new Revocations({
    backend,
    now: () => clock.now(),
    longestLifetimeMs: verifier?.longestLifetimeMs,
    clockToleranceMs: verifier?.clockToleranceMs ?? 0,
    tokensOf: (id) => {
      const identity = sessions.find(id)?.identity
      return identity === undefined ? [] : tokensOf(identity, clock.now())
    },
    end: (target) => sessions.disconnectAll(4502, (session) => isOf(session, target)),
    failed: (error) => logger.error('a revocation could not be kept or swept', describeError(error)),
  })
  const anonymous = tokens?.anonymous ?? false
  return {
    verifier,
    revocations,
    authenticator: new Authenticator({ verifier, authenticate, anonymous, dev, revocations }),
  }
}

const isOf = ({ id, identity }: Session, target: Revocation): boolean => {
  if ('user' in target) return identity?.user?.id === target.user
  if ('token' in target) return identity?.token?.name === target.token
  return id === target.session
}

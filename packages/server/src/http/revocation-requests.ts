import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ErrorCode } from '@tidings/protocol'
import { operatorOf } from '../access/operators.js'
import { isRevocation, type Revocation, type Revocations } from '../access/revocations.js'
import type { TokenVerifier } from '../access/tokens/token-verifier.js'
import { isUserId } from '../access/user-id.js'
import type { Logger } from '../observe/logger.js'
import type { Actor, Observer } from '../observe/observer.js'
import { type RunningTimeout, setRunningTimeout } from '../running-timeout.js'
import { knownFailure } from '../session/errors.js'
import { RateLimit } from '../limits/rate-limit.js'
import type { HealthStatus } from './health.js'
import { readBody } from './read-body.js'
import { respondJson } from './respond-json.js'

/** A `jti` may be as long as a token, and JSON may escape each of its characters. */
const BODY = { maxBytes: 32_768, deadlineMs: 5000 }
/** A backend that is stuck must not keep an operator waiting for long. */
const KEEP_DEADLINE_MS = 5000
/** Each one is kept for as long as tokens hold. */
const RATE = { perSecond: 50, burst: 500 }

export interface RevocationRequestsParts {
  /** undefined: the node checks no tokens, so nothing could be refused later. */
  readonly verifier: TokenVerifier | undefined
  readonly revocations: Pick<Revocations, 'isRevoked' | 'revoke'>
  readonly status: () => HealthStatus
  readonly addressOf: (request: IncomingMessage) => string
  readonly monotonic: () => number
  readonly logger: Logger
  readonly observer: Observer
}

interface Answer {
  readonly status: number
  readonly content: { readonly revoked: Revocation; readonly ended: number } | Refusal
  readonly headers?: OutgoingHttpHeaders
}

/** Statuses that an operator should hear of: somebody tried who may not, or too often. */
const REFUSALS: readonly number[] = [401, 403, 429]

interface Refusal {
  readonly code: ErrorCode | 'not-found' | 'method-not-allowed'
  readonly message: string
}

const refuse = (status: number, code: Refusal['code'], message: string, headers: OutgoingHttpHeaders = {}): Answer => ({
  status,
  content: { code, message },
  headers,
})

const BAD_BODY = 'the body must be JSON with one of user, session and token: { "user": "ann" }'
const UNKNOWN = 'the backend did not confirm it in time, so it may be kept or not: do it again'

/**
 * Answers requests of operators to revoke a user, a session or a token. Nothing is read from, kept or done for a peer that
 * did not show an operator's token. Strangers are not counted: who floods this would lock the operator out, and a
 * refusal costs what one of a WebSocket's `connect` costs.
 */
export class RevocationRequests {
  readonly #parts: RevocationRequestsParts
  readonly #rate: RateLimit

  constructor(parts: RevocationRequestsParts) {
    this.#parts = parts
    this.#rate = new RateLimit({ ...RATE, monotonic: parts.monotonic })
  }

  /** Never rejects. */
  async respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request).catch((error: unknown) => this.#failed(request, error))
    const { status, content, headers } = answer
    if (REFUSALS.includes(status) && 'code' in content) this.#tell(request, content)
    // What is left of the body is not waited for.
    if (!request.complete) response.setHeader('connection', 'close')
    respondJson(response, status, content, headers)
  }

  async #answer(request: IncomingMessage): Promise<Answer> {
    const { verifier, revocations, status } = this.#parts
    if (request.method !== 'POST') {
      return refuse(405, 'method-not-allowed', 'only POST is served here', { allow: 'POST' })
    }
    // Browsers send it with every POST: no page is an operator, whatever its visitor's browser knows.
    if (request.headers.origin !== undefined) return refuse(403, 'forbidden', 'pages in browsers may not do this')
    if (verifier === undefined) {
      return refuse(
        404,
        'not-found',
        'this node checks no tokens (a node under dev needs none), so none can be revoked',
      )
    }
    if (status() !== 'ok') return refuse(503, 'unavailable', `this node is ${status()}`)
    const decision = await operatorOf(request, verifier, revocations)
    switch (decision.kind) {
      case 'unauthorized':
        return refuse(401, 'unauthorized', decision.message, { 'www-authenticate': 'Bearer' })
      case 'forbidden':
        return refuse(403, 'forbidden', decision.message)
      case 'undecided':
        return refuse(503, 'unavailable', decision.message)
      case 'operator':
        return this.#revoke(request, decision.id)
    }
  }

  async #revoke(request: IncomingMessage, operator: string): Promise<Answer> {
    const { revocations, addressOf, logger } = this.#parts
    if (!this.#rate.take()) {
      return refuse(429, 'rate-limited', `at most ${RATE.perSecond} a second`, { 'retry-after': '1' })
    }
    const body = await readBody(request, BODY)
    if (body === 'too-large') return refuse(413, 'payload-too-large', `the body is over ${BODY.maxBytes} bytes`)
    if (body === 'too-slow' || body === 'cut-off') return refuse(408, 'bad-command', 'the body did not come in time')
    const revocation = parseRevocation(body)
    if (revocation === undefined) return refuse(400, 'bad-command', BAD_BODY)
    const ended = await inTime(revocations.revoke(revocation))
    if (ended === undefined) return refuse(503, 'unavailable', UNKNOWN)
    logger.warn('an operator revoked access', {
      ...{ ...revocation, ended, operator },
      remoteAddress: addressOf(request),
    })
    return { status: 200, content: { revoked: revocation, ended } }
  }

  #tell(request: IncomingMessage, { code, message: why }: Refusal): void {
    this.#parts.observer.refused({ code, why, command: 'revoke', ...this.#actor(request) })
  }

  #actor(request: IncomingMessage): Actor {
    return { remoteAddress: this.#parts.addressOf(request), origin: request.headers.origin }
  }

  #failed(request: IncomingMessage, error: unknown): Answer {
    const { code, message } = knownFailure(error) ?? { code: 'internal' as const, message: 'it failed; see the log' }
    const text = 'a revocation that an operator asked for failed'
    this.#parts.observer.failed({ text, error, ...this.#actor(request) })
    return refuse(code === 'internal' ? 500 : 503, code, message)
  }
}

const parseRevocation = (body: Buffer): Revocation | undefined => {
  let value: unknown
  try {
    value = JSON.parse(body.toString())
  } catch {
    return undefined
  }
  if (!isRevocation(value)) return undefined
  return 'user' in value && !isUserId(value.user) ? undefined : value
}

/** undefined: not in time. What happens to it then is looked at by nobody. */
const inTime = async <Value>(promise: Promise<Value>): Promise<Value | undefined> => {
  let timer: RunningTimeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setRunningTimeout(() => resolve(undefined), KEEP_DEADLINE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    timer?.clear()
  }
}

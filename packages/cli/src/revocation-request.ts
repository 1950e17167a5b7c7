import type { Revocation } from '@tidings/server'
import { z } from 'zod'
import { networkProblem, refusedError, unreachable } from './client-options.js'
import { CommandError, EXIT } from './exit.js'
import { REVOCATIONS_PATH, WEBSOCKET_PATH } from './serve/paths.js'

export interface RevocationRequest {
  /** The server's address, or that of its WebSocket. */
  readonly url: string
  readonly token: string
  readonly revocation: Revocation
  readonly timeoutSeconds: number
  /** What to do when the token is not taken. */
  readonly tokenHint: string
}

const DONE = z.object({ revoked: z.unknown(), ended: z.int().nonnegative() })
const REFUSED = z.object({ code: z.string(), message: z.string() })

/** Resolves with the number of sessions that the node closed, once it is kept. Rejects with CommandError. */
export const requestRevocation = async (request: RevocationRequest): Promise<number> => {
  const { token, revocation, timeoutSeconds, tokenHint } = request
  const url = revocationsUrl(request.url)
  const response = await send(url, timeoutSeconds, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(revocation),
    // The token is for this address, and for no other that it names.
    redirect: 'manual',
  })
  const { status, body } = response
  if (status === 200) {
    const done = DONE.safeParse(body)
    if (done.success) return done.data.ended
  }
  const refused = REFUSED.safeParse(body)
  if (!refused.success) throw unreachable(url, strangerProblem(response))
  const { code, message } = refused.data
  const hint = code === 'unauthorized' || code === 'forbidden' ? `; ${tokenHint}` : ''
  throw refusedError({ code, message: message + hint })
}

/** `wss://host/ws` is the address of other commands, so it may be given here too. */
export const revocationsUrl = (text: string): string => {
  const url = new URL(text)
  const base = url.pathname.endsWith(WEBSOCKET_PATH) ? url.pathname.slice(0, -WEBSOCKET_PATH.length) : url.pathname
  const scheme = /^(https|wss):$/.test(url.protocol) ? 'https' : 'http'
  return `${scheme}://${url.host}${base.replace(/\/$/, '')}${REVOCATIONS_PATH}`
}

interface Answer {
  readonly status: number
  readonly location: string | null
  /** undefined: it is no JSON. */
  readonly body: unknown
}

const strangerProblem = ({ status, location }: Answer): string =>
  location === null
    ? `it answers, but not as a Tidings server that can revoke (HTTP ${status}), so correct --url`
    : `it redirects to ${location}, so give that one as --url`

const send = async (url: string, timeoutSeconds: number, init: RequestInit): Promise<Answer> => {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutSeconds * 1000) })
    const text = await response.text()
    return { status: response.status, location: response.headers.get('location'), body: parseJson(text) }
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw new CommandError(
        EXIT.failure,
        `No answer came from ${url} within ${timeoutSeconds} seconds, so it may be done or not: run it again, which does no harm.`,
      )
    }
    throw unreachable(url, fetchProblem(error))
  }
}

/** `fetch` has the reason as its error's cause, which for several addresses of one name has a code only. */
const fetchProblem = (error: unknown): string => {
  const cause: unknown = error instanceof Error ? (error.cause ?? error) : error
  if (!(cause instanceof Error)) return String(cause)
  const code = 'code' in cause ? String(cause.code) : ''
  if (code.includes('CERT') || code.includes('SELF_SIGNED') || code.includes('ISSUER')) {
    return `its certificate is not trusted here (${cause.message}); NODE_EXTRA_CA_CERTS may name the authority's file`
  }
  if (code.startsWith('ERR_SSL')) return 'it does not speak TLS there, so --url should begin with http://'
  if (code === 'UND_ERR_SOCKET')
    return 'it ended the connection; where the server speaks TLS, --url begins with https://'
  return networkProblem([code, cause.message].filter((part) => part !== '').join(': '))
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

import type { IncomingMessage, ServerResponse } from 'node:http'

export type HealthStatus = 'starting' | 'ok' | 'failing' | 'closing'

export interface Health {
  readonly status: HealthStatus
  readonly backend: string
  /** Sessions that have a connection. */
  readonly sessions: number
  /** Channels with subscriptions on this node. */
  readonly channels: number
}

/** Answers with the node's health as JSON: 200 when it serves, 503 otherwise. */
export const respondHealth = (health: Health, request: IncomingMessage, response: ServerResponse): void => {
  const body = `${JSON.stringify(health)}\n`
  response.writeHead(health.status === 'ok' ? 200 : 503, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

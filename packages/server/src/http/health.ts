import type { IncomingMessage, ServerResponse } from 'node:http'
import { respondJson } from './respond-json.js'

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
export const respondHealth = (health: Health, _request: IncomingMessage, response: ServerResponse): void =>
  respondJson(response, health.status === 'ok' ? 200 : 503, health)

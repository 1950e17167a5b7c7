import type { Health } from '@tidings/server'

/**
 * Between the process that owns the log and its workers, over the channel that node:cluster keeps between them; the log
 * itself has a stream of its own. Questions carry a number that their answers repeat.
 */
export type ToWorker =
  | { readonly type: 'goodbye' }
  | { readonly type: 'count'; readonly question: number }
  | { readonly type: 'health'; readonly question: number; readonly health: WholeHealth }

export type ToOwner =
  | { readonly type: 'listening'; readonly ports: Ports }
  | { readonly type: 'counted'; readonly question: number; readonly sessions: number }
  | { readonly type: 'ask-health'; readonly question: number }

/** What every worker listens on. */
export interface Ports {
  readonly port: number
  readonly redirectPort?: number
}

/** Of all workers together. */
export interface WholeHealth extends Health {
  /** How many workers serve. */
  readonly workers: number
}

/** The descriptor of the log's stream in a worker, after standard input, output, error and the channel of node:cluster. */
export const LOG_FD = 4

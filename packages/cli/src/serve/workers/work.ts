import cluster from 'node:cluster'
import { Socket } from 'node:net'
import { respondHealth } from '@tidings/server'
import { remote } from '@tidings/server/remote'
import { CommandError, EXIT } from '../../exit.js'
import type { HttpParts } from '../http.js'
import type { Settings } from '../settings.js'
import { startNode } from '../start-node.js'
import { DRAIN_MS } from '../until-end.js'
import { LOG_FD, type ToOwner, type ToWorker, type WholeHealth } from './messages.js'
import { Questions } from './questions.js'

/** How long the owner may take to say how the whole is; it waits for the other workers. */
const HEALTH_DEADLINE_MS = 3000

/** Serves clients for the process that owns the log and started this one, until that one says so, fails or is gone. */
export const work = async (settings: Settings): Promise<void> => {
  // Ctrl-C reaches every process of the terminal, and `kill` of a group too: the owner decides when workers end.
  process.on('SIGINT', () => undefined)
  process.on('SIGTERM', () => undefined)
  // Otherwise Node ends this process as soon as the owner is gone, before a goodbye.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
  const health = new Questions<WholeHealth>(HEALTH_DEADLINE_MS)
  const { tidings, server } = await startNode(
    settings,
    () => remote(new Socket({ fd: LOG_FD })),
    wholeHealth(health, () => tidings.health()),
  )
  const goodbye = new Promise<undefined>((resolve) => {
    process.on('message', (message: ToWorker) => {
      if (message.type === 'goodbye') resolve(undefined)
      else if (message.type === 'health') health.answered(message.question, message.health)
      else tell({ type: 'counted', question: message.question, sessions: tidings.health().sessions })
    })
  })
  tell({ type: 'listening', ports: await server.listen(settings.host, settings.port) })
  const leaves = goodbye.then(async () => {
    server.close()
    await tidings.close({ drainMs: DRAIN_MS })
  })
  const failure = await Promise.race([leaves, tidings.failed])
  // The owner says why, if it can.
  if (failure !== undefined) throw new CommandError(EXIT.backendFailed)
}

const tell = (message: ToOwner): void => {
  // When the owner is gone the log's stream says so.
  process.send?.(message, undefined, undefined, () => undefined)
}

/** Answers for all workers together; for itself alone, as failing, when the owner does not say. */
const wholeHealth = (
  questions: Questions<WholeHealth>,
  own: () => Omit<WholeHealth, 'workers'>,
): HttpParts['health'] => ({
  respondHealth: (request, response) => {
    void questions
      .ask((question) => tell({ type: 'ask-health', question }))
      .then((whole) => respondHealth(whole ?? { ...own(), status: 'failing' }, request, response))
  },
})

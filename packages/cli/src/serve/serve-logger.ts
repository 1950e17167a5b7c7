import cluster from 'node:cluster'
import { createJsonLogger, type Logger, type LogLevel } from '@tidings/server'

/** The log of this process. Lines of a worker say which one it is. */
export const serveLogger = (level: LogLevel): Logger =>
  createJsonLogger({ level, ...(cluster.worker !== undefined && { fields: { worker: cluster.worker.id } }) })

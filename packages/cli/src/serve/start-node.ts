import { type Backend, createTidings, type Logger, OptionsError, type Tidings } from '@tidings/server'
import { usageError } from '../exit.js'
import type { HttpParts } from './http.js'
import { whenReady } from './open-backend.js'
import { openPages } from './pages.js'
import { serveLogger } from './serve-logger.js'
import type { Settings } from './settings.js'
import { openTls, WebServer } from './web-server.js'

export interface StartedNode {
  readonly tidings: Tidings
  /** With everything attached; it does not listen yet. */
  readonly server: WebServer
}

/**
 * A node of the settings, with its web server, once its backend is open. `health` answers in place of the node where it is
 * a part of something larger. Rejects with CommandError.
 */
export const startNode = async (
  settings: Settings,
  backend: () => Promise<Backend>,
  health?: HttpParts['health'],
): Promise<StartedNode> => {
  const servePages = await openPages(settings.pages)
  const tls = await openTls(settings.tls)
  const logger = serveLogger(settings.logLevel)
  const tidings = makeNode(settings, await backend(), logger)
  await whenReady(tidings, settings.store)
  const { dev, echo } = settings
  const hsts = settings.hsts && tls !== undefined && !dev
  const parts = { health: health ?? tidings, revocations: tidings, servePages, dev, echo, hsts }
  const server = new WebServer(parts, tls, tidings.limitSockets, logger)
  tidings.attach(server.http)
  if (echo !== undefined) tidings.attachEcho(server.http, { path: echo })
  return { tidings, server }
}

const makeNode = ({ node, configName }: Settings, backend: Backend, logger: Logger): Tidings => {
  try {
    return createTidings({ ...node, backend, logger })
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error
    throw usageError(`${configName === undefined ? '' : `${configName}: `}${error.message}.`)
  }
}

import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

interface Router {
  readonly paths: Map<string, UpgradeHandler>
  readonly listener: UpgradeHandler
}

const routers = new WeakMap<HttpServer | HttpsServer, Router>()

const pathOf = (url: string): string => {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}

/**
 * Hands upgrades on one path of an HTTP server to `handle`, until the returned function is called. All paths of one server
 * share a listener, so that a path nobody serves goes to `notFound` at once, unless the application has listeners of its
 * own: then it is left to them. Throws Error if the path is taken.
 */
export const routeUpgrades = (
  server: HttpServer | HttpsServer,
  path: string,
  handle: UpgradeHandler,
  notFound: UpgradeHandler,
): (() => void) => {
  const router = routers.get(server) ?? listen(server, notFound)
  if (router.paths.has(path)) throw new Error(`WebSockets are served on ${path} of this server already`)
  router.paths.set(path, handle)
  return () => {
    if (router.paths.get(path) !== handle) return
    router.paths.delete(path)
    if (router.paths.size > 0) return
    server.off('upgrade', router.listener)
    routers.delete(server)
  }
}

const listen = (server: HttpServer | HttpsServer, notFound: UpgradeHandler): Router => {
  const paths = new Map<string, UpgradeHandler>()
  const listener: UpgradeHandler = (request, socket, head) => {
    const handle = paths.get(pathOf(request.url ?? '/'))
    if (handle !== undefined) handle(request, socket, head)
    else if (server.listenerCount('upgrade') === 1) notFound(request, socket, head)
  }
  const router = { paths, listener }
  routers.set(server, router)
  server.on('upgrade', listener)
  return router
}

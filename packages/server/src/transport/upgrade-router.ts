import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Refusal } from './answer-raw.js'
import { asksForWebSocket, ignoreUpgrade } from './ignored-upgrade.js'
import { checkRequest, pathOfTarget } from './request-head.js'

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface UpgradeRoute {
  readonly path: string
  /** Takes a WebSocket on this path. */
  readonly handle: UpgradeHandler
  /** Refuses a WebSocket that no path may have. Asked of the route that was added first. */
  readonly refuse: (request: IncomingMessage, socket: Duplex, refusal: Refusal) => void
}

interface Router {
  readonly paths: Map<string, UpgradeHandler>
  readonly listener: UpgradeHandler
}

const routers = new WeakMap<HttpServer | HttpsServer, Router>()

/**
 * Hands upgrades to WebSocket on one path of an HTTP server to `handle`, until the returned function is called. All paths of
 * one server share a listener. A path that nobody serves is refused at once, and an upgrade to another protocol is ignored,
 * unless the application has listeners of its own: then both are left to them. Throws Error if the path is taken.
 */
export const routeUpgrades = (server: HttpServer | HttpsServer, route: UpgradeRoute): (() => void) => {
  const { path, handle } = route
  const router = routers.get(server) ?? listen(server, route.refuse)
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

function destroyThis(this: Duplex): void {
  this.destroy()
}

const listen = (server: HttpServer | HttpsServer, refuse: UpgradeRoute['refuse']): Router => {
  const paths = new Map<string, UpgradeHandler>()
  const listener: UpgradeHandler = (request, socket, head) => {
    const handle = paths.get(pathOfTarget(request.url ?? '/'))
    if (handle === undefined && server.listenerCount('upgrade') > 1) return
    if (!socket.listeners('error').includes(destroyThis)) socket.on('error', destroyThis)
    if (!asksForWebSocket(request)) return ignoreUpgrade(server, request, socket, head)
    const refusal = checkRequest(request)
    if (refusal !== undefined) refuse(request, socket, refusal)
    else if (handle !== undefined) handle(request, socket, head)
    else refuse(request, socket, notFound(paths.keys().next().value ?? '/'))
  }
  const router = { paths, listener }
  routers.set(server, router)
  server.on('upgrade', listener)
  return router
}

const notFound = (served: string): Refusal => ({
  status: 404,
  code: 'not-found',
  message: `no WebSocket is served on this path; try ${served}`,
})

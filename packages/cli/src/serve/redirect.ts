import { createServer, type Server } from 'node:http'
import { endBadRequest, HTTP_TIMEOUTS } from './http.js'
import type { RedirectTarget } from './redirect-target.js'

const HTTPS_PORT = 443
/** A name or an address with perhaps a port: nothing that would lead elsewhere than the Host says. */
const HOST = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i
/** What a Location can hold as it is. */
const PATH = /^\/[\x21-\x7e]*$/

/** Answers everything with 308 to the same path over https at the target, and serves nothing else. Does not listen yet. */
export const createRedirectServer = (target: RedirectTarget, timeouts = HTTP_TIMEOUTS): Server => {
  const originFor = originOf(target)
  const server = createServer(timeouts, (request, response) => {
    const name = HOST.exec(request.headers.host ?? '')?.[1]
    const path = request.url ?? ''
    response.setHeader('connection', 'close')
    response.setHeader('content-length', 0)
    if (name === undefined || !PATH.test(path)) {
      response.writeHead(400).end()
      return
    }
    response.writeHead(308, { location: originFor(name) + path }).end()
  })
  server.on('clientError', endBadRequest)
  return server
}

const originOf = (target: RedirectTarget): ((name: string) => string) => {
  if ('origin' in target) return () => target.origin
  const port = target.port === HTTPS_PORT ? '' : `:${target.port}`
  return (name) => `https://${name}${port}`
}

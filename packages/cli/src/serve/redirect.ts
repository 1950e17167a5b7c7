import { createServer, type Server } from 'node:http'
import { answerBadRequests, checkRequest } from '@tidings/server'
import { HTTP_TIMEOUTS, OWN_CHECKS, respond } from './http.js'
import type { RedirectTarget } from './redirect-target.js'

const HTTPS_PORT = 443
/** A name or an address with perhaps a port: nothing that would lead elsewhere than the Host says. */
const HOST = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i
/** What a Location can hold as it is. */
const PATH = /^\/[\x21-\x7e]*$/

/** Answers everything with 308 to the same path over https at the target, and serves nothing else. Does not listen yet. */
export const createRedirectServer = (target: RedirectTarget, timeouts = HTTP_TIMEOUTS): Server => {
  const originFor = originOf(target)
  const server = createServer({ ...timeouts, ...OWN_CHECKS }, (request, response) => {
    response.setHeader('connection', 'close')
    const refusal = checkRequest(request)
    if (refusal !== undefined) {
      respond(response, refusal.status, refusal.code, refusal.message)
      return
    }
    const name = HOST.exec(request.headers.host ?? '')?.[1]
    const path = request.url ?? ''
    if (name === undefined || !PATH.test(path)) {
      respond(response, 400, 'bad-request', 'the Host or the path is not one that can be redirected to')
      return
    }
    response.writeHead(308, { location: originFor(name) + path, 'content-length': 0 }).end()
  })
  answerBadRequests(server)
  return server
}

const originOf = (target: RedirectTarget): ((name: string) => string) => {
  if ('origin' in target) return () => target.origin
  const port = target.port === HTTPS_PORT ? '' : `:${target.port}`
  return (name) => `https://${name}${port}`
}

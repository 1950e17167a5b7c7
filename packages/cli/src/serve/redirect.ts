import { createServer, type Server } from 'node:http'
import { endBadRequest, HTTP_TIMEOUTS } from './http.js'

const HTTPS_PORT = 443
/** A name or an address with perhaps a port: nothing that would lead elsewhere than the Host says. */
const HOST = /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i
/** What a Location can hold as it is. */
const TARGET = /^\/[\x21-\x7e]*$/

/** Answers everything with 308 to the same path over https on `httpsPort`, and serves nothing else. Does not listen yet. */
export const createRedirectServer = (httpsPort: number, timeouts = HTTP_TIMEOUTS): Server => {
  const port = httpsPort === HTTPS_PORT ? '' : `:${httpsPort}`
  const server = createServer(timeouts, (request, response) => {
    const name = HOST.exec(request.headers.host ?? '')?.[1]
    const target = request.url ?? ''
    response.setHeader('connection', 'close')
    response.setHeader('content-length', 0)
    if (name === undefined || !TARGET.test(target)) {
      response.writeHead(400).end()
      return
    }
    response.writeHead(308, { location: `https://${name}${port}${target}` }).end()
  })
  server.on('clientError', endBadRequest)
  return server
}

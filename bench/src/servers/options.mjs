/** What a server of the bench is told, as JSON in its first argument. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'

/** @type {unknown} */
const parsed = JSON.parse(process.argv[2] ?? '{}')

export const options = /** @type {import('../types.js').StartOptions} */ (parsed)

/** An HTTP server that does not listen yet. @returns {import('node:http').Server | import('node:https').Server} */
export const makeHttpServer = () =>
  options.tls === undefined
    ? createServer()
    : createSecureServer({ cert: readFileSync(options.tls.cert), key: readFileSync(options.tls.key) })

/** Listens on a free port and says which. @param {import('node:net').Server} server */
export const listen = (server) => {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    const address = server.address()
    if (address !== null && typeof address !== 'string') console.log(`listening on ${address.port}`)
  })
  process.once('SIGTERM', () => process.exit(0))
}

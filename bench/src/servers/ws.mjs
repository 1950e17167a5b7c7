/** `ws` as everybody uses it: `send` in a loop over all connections; or an echo. */
import { WebSocketServer } from 'ws'
import { listen, makeHttpServer, options } from './options.mjs'

const server = makeHttpServer()
const webSockets = new WebSocketServer({ server, perMessageDeflate: options.deflate === true })

webSockets.on('connection', (webSocket) => {
  webSocket.on('error', () => undefined)
  webSocket.on('message', (data) => {
    const text = /** @type {Buffer} */ (data)
    if (options.echo === true) webSocket.send(text, { binary: false })
    else for (const client of webSockets.clients) client.send(text, { binary: false })
  })
})
listen(server)

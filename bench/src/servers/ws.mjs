/** `ws` as everybody uses it: `send` in a loop over all connections; or an echo. */
import { WebSocketServer } from 'ws'
import { listen, makeHttpServer, options } from './options.mjs'

const server = makeHttpServer()
const webSockets = new WebSocketServer({ server, perMessageDeflate: options.deflate === true })

const FAULT_EVERY = 10
let relayed = 0
/** What is sent after the next one. @type {Buffer | undefined} */
let held

/** Breaks the promise to one of its connections, and only now and then. @param {Buffer} text @param {'lose' | 'repeat' | 'swap'} fault */
const relayBadly = (text, fault) => {
  relayed += 1
  const isFaulty = relayed % FAULT_EVERY === 0
  const [victim, ...others] = webSockets.clients
  for (const client of others) client.send(text, { binary: false })
  if (victim === undefined) return
  if (isFaulty && fault === 'swap') {
    held = text
    return
  }
  if (!(isFaulty && fault === 'lose')) victim.send(text, { binary: false })
  if (isFaulty && fault === 'repeat') victim.send(text, { binary: false })
  if (held !== undefined) victim.send(held, { binary: false })
  held = undefined
}

webSockets.on('connection', (webSocket) => {
  webSocket.on('error', () => undefined)
  webSocket.on('message', (data) => {
    const text = /** @type {Buffer} */ (data)
    if (options.echo === true) webSocket.send(text, { binary: false })
    else if (options.fault !== undefined) relayBadly(text, options.fault)
    else for (const client of webSockets.clients) client.send(text, { binary: false })
  })
})
listen(server)

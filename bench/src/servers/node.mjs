/**
 * What Node's own sockets take: what one turn of the event loop brings becomes one buffer, written once to every connection.
 * It relays text and keeps nothing, as the C relay does.
 */
import { WebSocketServer } from 'ws'
import { listen, makeHttpServer } from './options.mjs'

const server = makeHttpServer()
const webSockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false })
/** @type {Set<import('node:stream').Duplex>} */
const sockets = new Set()
/** @type {Buffer[]} */
let batch = []

/** A text frame as servers send it. @param {Buffer} payload */
const frame = (payload) => {
  const header = payload.length < 126 ? Buffer.alloc(2) : Buffer.alloc(4)
  header[0] = 0x81
  header[1] = payload.length < 126 ? payload.length : 126
  if (header.length === 4) header.writeUInt16BE(payload.length, 2)
  return Buffer.concat([header, payload])
}

const fanOut = () => {
  const bytes = Buffer.concat(batch)
  batch = []
  for (const socket of sockets) socket.write(bytes)
}

server.on('upgrade', (request, socket, head) => {
  webSockets.handleUpgrade(request, socket, head, (webSocket) => {
    sockets.add(socket)
    webSocket.on('error', () => undefined)
    webSocket.on('close', () => sockets.delete(socket))
    webSocket.on('message', (data) => {
      if (batch.length === 0) setImmediate(fanOut)
      batch.push(frame(/** @type {Buffer} */ (data)))
    })
  })
})
listen(server)

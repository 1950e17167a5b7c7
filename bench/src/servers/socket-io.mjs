/** Socket.IO with WebSocket only: rooms, and `io.to(room).emit`. */
import { Server } from 'socket.io'
import { listen, makeHttpServer } from './options.mjs'

const server = makeHttpServer()
const io = new Server(server, { transports: ['websocket'], serveClient: false })

io.on('connection', (socket) => {
  const { channels } = /** @type {{ readonly channels: readonly string[] }} */ (socket.handshake.auth)
  for (const channel of channels) void socket.join(channel)
  socket.on('publish', (/** @type {string} */ channel, /** @type {unknown} */ data) => {
    io.to(channel).emit('publication', data)
  })
  socket.emit('subscribed')
})
listen(server)

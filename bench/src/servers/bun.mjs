/** Bun's native publish (uWebSockets inside). Runs in Bun. */
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response('WebSocket only', { status: 400 })),
  websocket: {
    open: (webSocket) => webSocket.subscribe('all'),
    message: (_webSocket, data) => {
      server.publish('all', data)
    },
  },
})
console.log(`listening on ${server.port}`)

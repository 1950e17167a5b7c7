import { serveScript } from '../run/served.mjs'

/** @type {import('../types.js').Peer} */
export const socketIo = {
  name: 'socket.io',
  title: 'Socket.IO',
  wire: {
    path: '/socket.io/?EIO=4&transport=websocket',
    hello: (channels) => [`40${JSON.stringify({ channels })}`],
    ready: { text: '42["subscribed"]', each: false },
    publish: (channel, { json }) => `42["publish","${channel}",${json}]`,
    ping: { text: '2', answer: '3' },
  },
  absence: () => Promise.resolve(undefined),
  start: (options) => serveScript('socket-io.mjs', options),
}

import { join } from 'node:path'
import { SERVERS } from '../run/paths.mjs'
import { serve } from '../run/served.mjs'

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
  start: (options) =>
    serve([process.execPath, join(SERVERS, 'socket-io.mjs'), JSON.stringify(options)], {
      listening: /listening on (\d+)/,
    }),
}

import { serveScript } from '../run/served.mjs'

/** How clients of a relay talk that sends everything to everybody. @type {import('../types.js').Wire} */
export const relayWire = { path: '/', hello: () => [], ready: undefined, publish: (_channel, { raw }) => raw }

/** @type {import('../types.js').Peer} */
export const ws = {
  name: 'ws',
  title: 'ws, send in a loop',
  wire: relayWire,
  absence: () => Promise.resolve(undefined),
  start: (options) => serveScript('ws.mjs', options),
}

import { serveScript } from '../run/served.mjs'
import { relayWire } from './ws.mjs'

/** A plain Node server that clients ask again and again; they do not speak WebSocket. @type {import('../types.js').Peer} */
export const polling = {
  name: 'polling',
  title: 'HTTP polling every second',
  wire: relayWire,
  absence: () => Promise.resolve(undefined),
  start: () => serveScript('polling.mjs'),
}

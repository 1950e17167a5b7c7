import { join } from 'node:path'
import { SERVERS } from '../run/paths.mjs'
import { serve } from '../run/served.mjs'
import { relayWire } from './ws.mjs'

/** A plain Node server that clients ask again and again; they do not speak WebSocket. @type {import('../types.js').Peer} */
export const polling = {
  name: 'polling',
  title: 'HTTP polling every second',
  wire: relayWire,
  absence: () => Promise.resolve(undefined),
  start: () => serve([process.execPath, join(SERVERS, 'polling.mjs')], { listening: /listening on (\d+)/ }),
}

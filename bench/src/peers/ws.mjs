import { join } from 'node:path'
import { SERVERS } from '../run/paths.mjs'
import { serve } from '../run/served.mjs'

/** How clients of a relay talk that sends everything to everybody. @type {import('../types.js').Wire} */
export const relayWire = { path: '/', hello: () => [], ready: undefined, publish: (_channel, { raw }) => raw }

/** @type {import('../types.js').Peer} */
export const ws = {
  name: 'ws',
  title: 'ws, send in a loop',
  wire: relayWire,
  absence: () => Promise.resolve(undefined),
  start: (options) =>
    serve([process.execPath, join(SERVERS, 'ws.mjs'), JSON.stringify(options)], { listening: /listening on (\d+)/ }),
}

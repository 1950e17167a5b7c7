import { join } from 'node:path'
import { SERVERS } from '../run/paths.mjs'
import { serve } from '../run/served.mjs'
import { relayWire } from './ws.mjs'

/** @type {import('../types.js').Peer} */
export const node = {
  name: 'node',
  title: 'Node, one write per subscriber and turn',
  wire: relayWire,
  absence: () => Promise.resolve(undefined),
  start: (options) =>
    serve([process.execPath, join(SERVERS, 'node.mjs'), JSON.stringify(options)], { listening: /listening on (\d+)/ }),
}

import { serveScript } from '../run/served.mjs'
import { relayWire } from './ws.mjs'

/** @type {import('../types.js').Peer} */
export const node = {
  name: 'node',
  title: 'Node, one write per subscriber and turn',
  wire: relayWire,
  absence: () => Promise.resolve(undefined),
  start: (options) => serveScript('node.mjs', options),
}

import { hasCompiler, relayProgram } from '../run/native.mjs'
import { LISTENING, serve } from '../run/served.mjs'
import { relayWire } from './ws.mjs'

const absence = () => Promise.resolve(hasCompiler() ? undefined : 'there is no cc')

/** What the kernel takes at most: one write per subscriber and batch. @type {import('../types.js').Peer} */
export const batchLimit = {
  name: 'c-batch',
  title: 'C, one write per subscriber and batch',
  wire: relayWire,
  absence,
  start: () => serve([relayProgram()], { listening: LISTENING }),
}

/** @type {import('../types.js').Peer} */
export const writeLimit = {
  name: 'c-each',
  title: 'C, one write per delivery',
  wire: relayWire,
  absence,
  start: () => serve([relayProgram(), 'each'], { listening: LISTENING }),
}

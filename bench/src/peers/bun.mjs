import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BENCH, SERVERS } from '../run/paths.mjs'
import { LISTENING, serve } from '../run/served.mjs'
import { relayWire } from './ws.mjs'

/** The program is in the package itself; nothing is downloaded. */
const BUN = join(BENCH, 'node_modules/@oven/bun-linux-x64/bin/bun')

/** @type {import('../types.js').Peer} */
export const bun = {
  name: 'bun',
  title: 'Bun native publish',
  wire: relayWire,
  absence: () =>
    Promise.resolve(existsSync(BUN) ? undefined : 'its package for this machine is not installed (x64 Linux only)'),
  start: () => serve([BUN, join(SERVERS, 'bun.mjs')], { listening: LISTENING }),
}

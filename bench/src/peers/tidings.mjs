import { join } from 'node:path'
import { LISTENING, makeFolder, serve } from '../run/served.mjs'
import { SERVERS, TIDINGS } from '../run/paths.mjs'

/** @param {readonly object[]} commands */
const frame = (commands) => JSON.stringify(commands)

/** @type {import('../types.js').Wire} */
export const wire = {
  path: '/ws',
  subprotocol: 'tidings.v1.json',
  ready: { text: '"type":"caught-up"', each: true },
  hello: (channels, how) => [
    frame([
      { type: 'connect', id: 1, token: 'member-%d', client: 'client-%d' },
      ...(how?.present === true
        ? channels.map((channel, index) => ({ type: 'presence', id: index + 100, channel, action: 'enter', data: {} }))
        : []),
      ...channels.map((channel, index) => ({ type: 'subscribe', id: index + 2, channel })),
    ]),
  ],
  recovery: {
    positionOf: (reply) => /"position":"([^"]+)"/.exec(reply)?.[1],
    resume: (channel, from) => [
      frame([
        { type: 'connect', id: 1, token: 'member-%d', client: 'client-%d' },
        { type: 'subscribe', id: 2, channel, from },
      ]),
    ],
  },
  // Ids of commands need only be unused in their session, and sequences are unique.
  publish: (channel, { json }) =>
    `{"type":"publish","id":1%s,"channel":"${channel}","data":${json},"publicationId":"b-%s"}`,
}

/** @type {import('../types.js').Peer} */
export const tidings = {
  name: 'tidings',
  title: 'Tidings',
  wire,
  absence: () => Promise.resolve(undefined),
  start: ({ tls, store = 'memory', workers, dir: kept, port = 0, ...options }) => {
    const dir = kept ?? makeFolder()
    if (tls !== undefined) {
      const command = [process.execPath, join(SERVERS, 'tidings-tls.mjs'), JSON.stringify({ tls, ...options })]
      return serve(command, { listening: LISTENING, dir })
    }
    const keeps = store === 'memory' ? ['--memory'] : ['--data', join(dir, 'data')]
    const config = join(SERVERS, 'tidings.config.mjs')
    const processes = workers === undefined ? [] : ['--workers', String(workers)]
    const words = ['serve', '--limits', 'load-test', '--port', String(port), '--config', config, ...keeps, ...processes]
    return serve([process.execPath, TIDINGS, ...words], {
      listening: /ws:\/\/[^:]+:(\d+)/,
      ...(kept === undefined && { dir }),
      isPinned: workers === undefined,
    })
  },
}

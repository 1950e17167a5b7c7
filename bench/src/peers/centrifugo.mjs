import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from '../run/paths.mjs'
import { freePort, makeFolder, serve } from '../run/served.mjs'

const VERSION = 'v6.9.1'
const MODULE = 'github.com/centrifugal/centrifugo/v6'
const BUILD_DEADLINE_MS = 900_000
const PROGRAM = join(CACHE, 'bin', 'centrifugo')

/** Why there is none, or undefined; builds it the first time, which takes minutes. @param {import('../types.js').Size} size */
const built = ({ quick }) => {
  if (existsSync(PROGRAM)) return undefined
  if (quick) return 'it is not built yet: a run that is not quick builds it, where there is Go'
  if (spawnSync('go', ['version']).status !== 0) return 'there is no Go to build it with'
  console.log(`Building Centrifugo ${VERSION} for the first time; this takes some minutes …`)
  const module = join(CACHE, 'centrifugo')
  mkdirSync(module, { recursive: true })
  // A module of its own pins the version; asking the proxy for a list of versions is not needed then.
  writeFileSync(join(module, 'go.mod'), `module bench\n\ngo 1.26\n\nrequire ${MODULE} ${VERSION}\n`)
  const { status, stderr } = spawnSync('go', ['install', MODULE], {
    cwd: module,
    env: { ...process.env, GOBIN: join(CACHE, 'bin'), GOFLAGS: '-mod=mod' },
    encoding: 'utf8',
    timeout: BUILD_DEADLINE_MS,
  })
  return status === 0 ? undefined : `it cannot be built: ${stderr.trim().split('\n').at(-1) ?? ''}`
}

/** @param {number} port */
const config = (port) => ({
  http_server: { address: '127.0.0.1', port: String(port) },
  log: { level: 'info' },
  engine: { type: 'memory' },
  client: { insecure: true, allowed_origins: ['*'] },
  channel: {
    without_namespace: { presence: true, history_size: 1000, history_ttl: '300s', force_recovery: true },
  },
})

/** Channels have no namespaces here. @param {string} channel */
const named = (channel) => channel.replaceAll(':', '_')

/** @type {import('../types.js').Peer} */
export const centrifugo = {
  name: 'centrifugo',
  title: `Centrifugo ${VERSION}`,
  wire: {
    path: '/connection/websocket',
    hello: (channels) => [
      [
        JSON.stringify({ id: 1, connect: {} }),
        ...channels.map((channel, index) => JSON.stringify({ id: index + 2, subscribe: { channel: named(channel) } })),
      ].join('\n'),
    ],
    ready: { text: '"subscribe":{', each: true },
    recovery: {
      positionOf: (reply) => {
        const [, subscribed] = /"subscribe":(\{.*?\})/.exec(reply) ?? []
        const epoch = /"epoch":"([^"]+)"/.exec(subscribed ?? '')?.[1]
        const offset = /"offset":(\d+)/.exec(subscribed ?? '')?.[1]
        return epoch === undefined || offset === undefined ? undefined : `"epoch":"${epoch}","offset":${offset}`
      },
      resume: (channel, position) => [
        `{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"${named(channel)}","recover":true,${position}}}`,
      ],
    },
    publish: (channel, { json }) => `{"id":1%s,"publish":{"channel":"${named(channel)}","data":${json}}}`,
    ping: { text: '{}', answer: '{}' },
  },
  absence: (size) => Promise.resolve(built(size)),
  start: async () => {
    const dir = makeFolder()
    const port = await freePort()
    const file = join(dir, 'config.json')
    writeFileSync(file, JSON.stringify(config(port)))
    return serve([PROGRAM, '-c', file], {
      listening: new RegExp(`serving[^\\n]*:(${port})\\b`),
      dir,
      env: { GOMAXPROCS: '1' },
    })
  },
}

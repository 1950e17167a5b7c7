import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, makeFolder, serve } from '../run/served.mjs'

/** Subjects are dotted. @param {string} channel */
const subjectOf = (channel) => channel.replaceAll(':', '.')

/** Bytes of what the load generator puts in place of `%m`, by default. */
const PAYLOAD_BYTES = 64

/** The WebSocket of nats-server, where it is installed: relays bytes, keeps nothing. @type {import('../types.js').Peer} */
export const nats = {
  name: 'nats',
  title: 'nats-server, WebSocket',
  wire: {
    path: '/',
    hello: (channels) => [
      [
        'CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\n',
        ...channels.map((channel, index) => `SUB ${subjectOf(channel)} ${index + 1}\r\n`),
        'PING\r\n',
      ].join(''),
    ],
    ready: { text: 'PONG\r\n', each: false },
    publish: (channel) => `PUB ${subjectOf(channel)} ${PAYLOAD_BYTES}\r\n%m\r\n`,
    ping: { text: 'PING\r\n', answer: 'PONG\r\n' },
  },
  absence: () =>
    Promise.resolve(spawnSync('nats-server', ['--version']).status === 0 ? undefined : 'nats-server is not installed'),
  start: async () => {
    const dir = makeFolder()
    const file = join(dir, 'nats.conf')
    const [port, plainPort] = [await freePort(), await freePort()]
    writeFileSync(
      file,
      `host: 127.0.0.1\nport: ${plainPort}\nwebsocket { host: 127.0.0.1, port: ${port}, no_tls: true }\n`,
    )
    const listening = new RegExp(`websocket clients on ws://[^:]+:(${port})`)
    return serve(['nats-server', '-c', file], { listening, dir, env: { GOMAXPROCS: '1' } })
  },
}

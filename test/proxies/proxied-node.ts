import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { type Client, createClient } from '@tidings/client'
import { freePort, NodeProcess } from '@tidings/testing'
import { onTestFinished } from 'vitest'
import { type ClientOptions as SocketOptions, WebSocket } from 'ws'
import { makePair, type PemPair, writePair } from '../certificates/certificates.js'

const TIDINGS = resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')
/** The proxy is 127.0.0.1 and trusted; clients come from another of this machine's addresses. */
export const CLIENT_ADDRESS = '127.0.0.2'
const POLL_MS = 25

/** What a proxy's configuration is made for. */
export interface ProxyPlace {
  readonly dir: string
  readonly nodePort: number
  readonly httpsPort: number
  readonly httpPort: number
  readonly certFile: string
  readonly keyFile: string
  /** How long the proxy lets an idle connection live. */
  readonly idleSeconds: number
}

export interface ProxyProgram {
  readonly name: string
  /** Whether a reload leaves open connections alone. */
  readonly keepsConnections: boolean
  /** Whether it cuts connections that are idle. */
  readonly cutsIdle: boolean
  /** Writes its configuration, and again before a reload; gives the command that serves it. */
  configure(place: ProxyPlace): Promise<readonly [string, ...string[]]>
  reload(proxy: NodeProcess, place: ProxyPlace): Promise<void>
}

const HEARTBEAT = { intervalMs: 400, deadlineMs: 5000 }

const configText = (dir: string): string => `export default {
  contract: { channels: { 'chat:{room}': { history: { maxCount: 10000 } } } },
  data: ${JSON.stringify(join(dir, 'data'))},
  echo: '/echo',
  heartbeat: ${JSON.stringify(HEARTBEAT)},
  trustedProxies: ['127.0.0.1'],
  authenticate: ({ token, remoteAddress }) => ({ id: token + '@' + remoteAddress }),
  allow: { 'chat:{room}': { subscribe: true, publish: true } },
}
`

/** A node on disk behind a proxy that ends TLS, both processes of their own. */
export class ProxiedNode {
  readonly #program: ProxyProgram
  readonly #cas: string[] = []
  readonly place: ProxyPlace
  readonly node: NodeProcess
  readonly proxy: NodeProcess

  private constructor(program: ProxyProgram, place: ProxyPlace, node: NodeProcess, proxy: NodeProcess, pair: PemPair) {
    this.#program = program
    this.place = place
    this.node = node
    this.proxy = proxy
    this.#cas.push(pair.cert)
  }

  /** Ends with the test. */
  static async start(program: ProxyProgram, idleSeconds = 60): Promise<ProxiedNode> {
    const dir = await mkdtemp(join(tmpdir(), 'tidings-proxy-'))
    onTestFinished(() => rm(dir, { recursive: true, force: true }))
    const pair = await makePair()
    const { cert: certFile, key: keyFile } = await writePair(dir, pair)
    const [nodePort, httpsPort, httpPort] = [await freePort(), await freePort(), await freePort()]
    const place = { dir, nodePort, httpsPort, httpPort, certFile, keyFile, idleSeconds }
    const config = join(dir, 'tidings.config.mjs')
    await writeFile(config, configText(dir))
    const node = await NodeProcess.start({
      command: [process.execPath, TIDINGS, 'serve', '--config', config, '--port', String(nodePort)],
      healthUrl: `http://127.0.0.1:${nodePort}/healthz`,
    })
    onTestFinished(async () => {
      await node.kill('SIGKILL')
    })
    const proxy = NodeProcess.spawn({ command: await program.configure(place), healthUrl: '' })
    onTestFinished(async () => {
      await proxy.kill('SIGTERM')
    })
    const proxied = new ProxiedNode(program, place, node, proxy, pair)
    await proxied.#untilServed()
    return proxied
  }

  socketOptions(headers: Readonly<Record<string, string>> = {}): SocketOptions {
    return { ca: this.#cas, localAddress: CLIENT_ADDRESS, headers, origin: `https://localhost:${this.place.httpsPort}` }
  }

  /** An SDK client that connects through the proxy as a page of the proxy's host would; ends with the test. */
  client(token: string, headers: Readonly<Record<string, string>> = {}): Client {
    const options = (): SocketOptions => this.socketOptions(headers)
    class ProxiedSocket extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols, options())
      }
    }
    const url = `wss://localhost:${this.place.httpsPort}/ws`
    const client = createClient({ url, token, WebSocket: ProxiedSocket, backoff: { minMs: 50, maxMs: 500 } })
    onTestFinished(() => client.close())
    return client
  }

  /** A connection that nobody says anything on. */
  async silentSocket(): Promise<WebSocket> {
    const socket = new WebSocket(`wss://localhost:${this.place.httpsPort}/echo`, this.socketOptions())
    onTestFinished(() => socket.terminate())
    await once(socket, 'open')
    return socket
  }

  /** What a handshake is answered with. */
  async statusOf(options: SocketOptions): Promise<number | undefined> {
    const socket = new WebSocket(`wss://localhost:${this.place.httpsPort}/echo`, options)
    onTestFinished(() => socket.terminate())
    socket.on('error', () => undefined)
    const refused = once(socket, 'unexpected-response').then(([, response]) => (response as IncomingMessage).statusCode)
    return Promise.race([once(socket, 'upgrade').then(() => 101), refused])
  }

  /** Gives the proxy another certificate and resolves once new connections get it. */
  async reloadProxy(): Promise<void> {
    const next = await makePair()
    this.#cas.push(next.cert)
    await writePair(this.place.dir, next)
    await this.#program.configure(this.place)
    await this.#program.reload(this.proxy, this.place)
    await this.#until(() => this.#presents(next.cert))
  }

  #presents(cert: string): Promise<boolean> {
    return new Promise((settle) => {
      const socket = connect({ port: this.place.httpsPort, host: '127.0.0.1', servername: 'localhost', ca: [cert] })
      socket.once('secureConnect', () => settle(true)).once('error', () => settle(false))
      socket.once('close', () => settle(false)).once('secureConnect', () => socket.destroy())
    })
  }

  async #untilServed(): Promise<void> {
    const options = { host: '127.0.0.1', port: this.place.httpsPort, path: '/healthz', servername: 'localhost' }
    await this.#until(
      () =>
        new Promise((settle) => {
          request({ ...options, headers: { host: 'localhost' }, ca: this.#cas, agent: false }, (response) => {
            response.resume()
            settle(response.statusCode === 200)
          })
            .once('error', () => settle(false))
            .end()
        }),
    )
  }

  /** Asks until it is so; the test's deadline ends it otherwise, and the proxy's end at once. */
  async #until(isSo: () => Promise<boolean>): Promise<void> {
    let ended: string | undefined
    void this.proxy.exit.then(({ code }) => {
      ended = `the proxy ended with ${code}:\n${this.proxy.output}`
    })
    while (!(await isSo())) {
      if (ended !== undefined) throw new Error(ended)
      await sleep(POLL_MS)
    }
  }
}

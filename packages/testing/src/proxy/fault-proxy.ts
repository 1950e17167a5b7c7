import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { PipeRules } from './pipe.js'
import { type Direction, ProxiedConnection, resetSocket } from './proxied-connection.js'

export interface FaultProxyOptions {
  /** The server's port on loopback. */
  readonly targetPort: number
  /** Default: any free one. */
  readonly port?: number
}

const HOST = '127.0.0.1'

/**
 * Stands between clients and a server on loopback and breaks their connections on purpose: each for itself, or all. It
 * holds little: a side that does not read is felt by the other one.
 */
export class FaultProxy {
  /** Where new connections are led to. A server that came back elsewhere: set its port. */
  targetPort: number
  /** New connections are reset at once. */
  refuses = false
  readonly #server: Server
  readonly #connections = new Set<ProxiedConnection>()
  #nextId = 1

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.targetPort = targetPort
    server.on('connection', (socket) => void this.#accept(socket))
  }

  static async listen({ targetPort, port = 0 }: FaultProxyOptions): Promise<FaultProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    const proxy = new FaultProxy(server, targetPort)
    server.listen(port, HOST)
    await once(server, 'listening')
    return proxy
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Those that are open on any side, the oldest first. */
  get connections(): readonly ProxiedConnection[] {
    return [...this.#connections]
  }

  /** The live connection of the client whose own port this is. */
  connectionOf(clientPort: number): ProxiedConnection | undefined {
    return this.connections.findLast((connection) => connection.clientPort === clientPort)
  }

  cutAll(): void {
    for (const connection of this.#connections) connection.cut()
  }

  resetAll(): void {
    for (const connection of this.#connections) connection.reset()
  }

  setRulesOfAll(direction: Direction, rules: PipeRules): void {
    for (const connection of this.#connections) connection.setRules(direction, rules)
  }

  /** Takes new connections, and lets the bytes of all through. */
  heal(): void {
    this.refuses = false
    for (const connection of this.#connections) connection.heal()
  }

  /** Resets every connection and frees the port. */
  async close(): Promise<void> {
    this.refuses = true
    this.#server.close()
    this.resetAll()
    await Promise.all([...this.#connections].map(({ closed }) => closed))
  }

  async #accept(client: Socket): Promise<void> {
    client.on('error', () => undefined)
    if (this.refuses) {
      resetSocket(client)
      return
    }
    const { targetPort } = this
    const server = connect({ host: HOST, port: targetPort, allowHalfOpen: true, noDelay: true })
    const connection = new ProxiedConnection(this.#nextId++, client, server, targetPort)
    this.#connections.add(connection)
    await connection.closed
    this.#connections.delete(connection)
  }
}

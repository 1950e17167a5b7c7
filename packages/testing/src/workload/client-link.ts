import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'

/** Which run of the node the client with this port reached; undefined: that is not known. */
export type RunOf = (clientPort: number) => number | undefined

/**
 * One client's connections: which one is the latest, and which run of the node it reached. Pass `WebSocket` to the client;
 * then what the client tells in the turn in which a frame came is of this connection.
 */
export class ClientLink {
  readonly name: string
  readonly WebSocket: new (
    url: string,
    protocols: string[],
  ) => WebSocket
  /** Of the connection that was opened last. */
  run: number | undefined
  clientPort = 0
  openedMs = 0
  #count = 0

  constructor(name: string, runOf: RunOf, nowMs: () => number) {
    this.name = name
    const opened = (response: IncomingMessage): void => {
      this.clientPort = response.socket.localPort ?? 0
      this.run = runOf(this.clientPort)
      this.openedMs = nowMs()
      this.#count += 1
    }
    this.WebSocket = class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        this.once('upgrade', opened)
      }
    }
  }

  /** Names the connection that was opened last. */
  get connection(): string {
    return `${this.name}/${this.#count}`
  }
}

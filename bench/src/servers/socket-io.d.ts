/** The part of Socket.IO that is used: the repository's types are checked without the bench's packages. */
declare module 'socket.io' {
  import type { Server as HttpServer } from 'node:http'
  import type { Server as HttpsServer } from 'node:https'

  interface Socket {
    readonly handshake: { readonly auth: unknown }
    join(room: string): Promise<void> | undefined
    on(name: 'publish', listener: (channel: string, data: unknown) => void): void
    emit(name: string, ...values: unknown[]): void
  }
  interface ServerOptions {
    readonly transports: readonly string[]
    readonly serveClient: boolean
  }
  export class Server {
    constructor(server: HttpServer | HttpsServer, options: ServerOptions)
    on(name: 'connection', listener: (socket: Socket) => void): void
    to(room: string): { emit(name: string, ...values: unknown[]): void }
  }
}

/** The part of Bun that is used: its types would hide Node's. */
interface BunServer {
  readonly port: number
  upgrade(request: Request): boolean
  publish(topic: string, data: string | Uint8Array): void
}
declare const Bun: {
  serve(options: {
    readonly port: number
    readonly hostname: string
    readonly fetch: (request: Request, server: BunServer) => Response | undefined
    readonly websocket: {
      readonly open: (webSocket: { subscribe(topic: string): void }) => void
      readonly message: (webSocket: unknown, data: string | Uint8Array) => void
    }
  }): BunServer
}

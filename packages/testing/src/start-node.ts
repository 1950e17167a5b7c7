import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Contract } from '@tidings/contract'
import { createTidings, type Tidings, type TidingsOptions } from '@tidings/server'

/** A node in this process, on a free loopback port. */
export interface LocalNode<App extends Contract> {
  readonly tidings: Tidings<App>
  readonly http: Server
  readonly port: number
  /** `ws://127.0.0.1:PORT/ws` */
  readonly url: string
  /** Ends every session and frees the port. */
  close(): Promise<void>
}

export interface StartNodeOptions<App extends Contract> extends TidingsOptions<App> {
  /** Default: any free one. */
  readonly port?: number
  /** Serves an echo of frames on this path too. */
  readonly echoPath?: string
}

/** Starts a node with these options and waits until it serves. Rejects with BackendError as `ready` does. */
export const startNode = async <const App extends Contract>({
  port: wantedPort = 0,
  echoPath,
  ...options
}: StartNodeOptions<App>): Promise<LocalNode<App>> => {
  const tidings = createTidings<App>(options)
  const http = createServer((request, response) => tidings.respondHealth(request, response))
  tidings.attach(http)
  if (echoPath !== undefined) tidings.attachEcho(http, { path: echoPath })
  await tidings.ready
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(wantedPort, '127.0.0.1', resolve)
  })
  const { port } = http.address() as AddressInfo
  const close = async (): Promise<void> => {
    await tidings.close({ drainMs: 1000 })
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  }
  return { tidings, http, port, url: `ws://127.0.0.1:${port}/ws`, close }
}

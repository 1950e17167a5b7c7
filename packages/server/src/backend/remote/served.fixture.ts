import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Backend, BackendError } from '../backend.js'
import { BackendOwner, type BackendOwnerOptions } from './backend-owner.js'
import { remote } from './remote-backend.js'

/** A worker's backend over a real socket, with both ends of it. */
export interface ServedFixture {
  readonly backend: Backend
  /** The worker's end. */
  readonly stream: Socket
  /** What the worker's backend failed with so far. */
  readonly failures: readonly BackendError[]
  /** Resolves once the owner let the worker go. */
  readonly closed: Promise<void>
}

export const ownerOf = (backend: Backend, options: Partial<BackendOwnerOptions> = {}): BackendOwner =>
  new BackendOwner({
    backend,
    failed: (error) => {
      throw error
    },
    ...options,
  })

/** Two ends of a socket. */
const socketPair = async (): Promise<readonly [Socket, Socket]> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const here = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [there] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [here, there]
}

/** A worker of an owner, with its backend open. */
export const workerOf = async (owner: BackendOwner): Promise<ServedFixture> => {
  const [stream, there] = await socketPair()
  const failures: BackendError[] = []
  const closed = new Promise<void>((resolve) => owner.serve(there, resolve))
  const backend = await remote(stream)
  await backend.open((error) => failures.push(error))
  return { backend, stream, failures, closed }
}

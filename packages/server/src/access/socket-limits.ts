import type { Socket } from 'node:net'
import type { LimitReached } from '../observe/limits-reached.js'
import type { Limits } from '../options.js'
import { addressGroup, isLoopbackAddress } from './address-group.js'
import { canonicalAddress, type IsTrustedProxy } from './client-address.js'
import { Counts } from './counts.js'

/** Sockets beside the connections that there may be at least: pages are loaded over several, and health is asked for. */
const SPARE = 64
const SPARE_PER_ADDRESS = 16

const withSpare = (connections: number, spare: number): number => connections + Math.max(connections, spare)

/**
 * Bounds the sockets of a server whatever is asked on them: handshakes that never end, of TLS as of HTTP, and idle HTTP are no
 * connections yet, and each takes a file. There may be as many of them as connections, and some. One more is cut off without
 * a word: an answer would have to wait for its handshake.
 */
export class SocketLimits {
  readonly #limits: Pick<Limits, 'maxConnections' | 'maxConnectionsPerAddress'>
  readonly #isTrustedProxy: IsTrustedProxy
  readonly #reached: LimitReached
  readonly #addresses = new Counts()
  #count = 0

  constructor(
    limits: Pick<Limits, 'maxConnections' | 'maxConnectionsPerAddress'>,
    isTrustedProxy: IsTrustedProxy,
    reached: LimitReached,
  ) {
    this.#limits = limits
    this.#isTrustedProxy = isTrustedProxy
    this.#reached = reached
  }

  /** For 'connection' of a server. */
  readonly opened = (socket: Pick<Socket, 'remoteAddress' | 'once' | 'destroy'>): void => {
    const address = canonicalAddress(socket.remoteAddress ?? '')
    const { maxConnections, maxConnectionsPerAddress } = this.#limits
    if (this.#count >= withSpare(maxConnections, SPARE)) {
      this.#reached('maxConnections', address)
      socket.destroy()
      return
    }
    // Everybody who comes through a proxy has its address.
    const isOfMany = address === undefined || isLoopbackAddress(address) || this.#isTrustedProxy(address)
    const group = isOfMany ? undefined : addressGroup(address)
    if (group !== undefined && this.#addresses.of(group) >= withSpare(maxConnectionsPerAddress, SPARE_PER_ADDRESS)) {
      this.#reached('maxConnectionsPerAddress', address)
      socket.destroy()
      return
    }
    this.#count += 1
    if (group !== undefined) this.#addresses.add(group)
    socket.once('close', () => {
      this.#count -= 1
      if (group !== undefined) this.#addresses.remove(group)
    })
  }
}

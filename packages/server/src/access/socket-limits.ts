import type { LimitReached } from '../observe/limits-reached.js'
import type { Limits } from '../options.js'
import { isReturned } from '../transport/ignored-upgrade.js'
import { addressGroup, isLoopbackAddress } from './address-group.js'
import { canonicalAddress, type IsTrustedProxy } from './client-address.js'

/** Sockets beside the connections that there may be at least: pages are loaded over several, and health is asked for. */
const SPARE = 64
const SPARE_PER_ADDRESS = 16

const withSpare = (connections: number, spare: number): number => connections + Math.max(connections, spare)

/** What is needed of a socket. */
interface CountedSocket {
  readonly remoteAddress?: string | undefined
  on(event: 'close', closed: () => void): unknown
  destroy(): unknown
}

/** The sockets of one address: they share what is called when one of them closes. */
interface AddressSockets {
  count: number
  readonly closed: () => void
}

/**
 * Bounds the sockets of a server whatever is asked on them: handshakes that never end, of TLS as of HTTP, and idle HTTP are no
 * connections yet, and each takes a file. There may be as many of them as connections, and some. One more is cut off without
 * a word: an answer would have to wait for its handshake.
 */
export class SocketLimits {
  readonly #most: number
  readonly #mostPerAddress: number
  readonly #isTrustedProxy: IsTrustedProxy
  readonly #reached: LimitReached
  readonly #addresses = new Map<string, AddressSockets>()
  #count = 0

  constructor(
    { maxConnections, maxConnectionsPerAddress }: Pick<Limits, 'maxConnections' | 'maxConnectionsPerAddress'>,
    isTrustedProxy: IsTrustedProxy,
    reached: LimitReached,
  ) {
    this.#most = withSpare(maxConnections, SPARE)
    this.#mostPerAddress = withSpare(maxConnectionsPerAddress, SPARE_PER_ADDRESS)
    this.#isTrustedProxy = isTrustedProxy
    this.#reached = reached
  }

  /** For 'connection' of a server. */
  readonly opened = (socket: CountedSocket): void => {
    if (isReturned(socket)) return
    const address = canonicalAddress(socket.remoteAddress ?? '')
    if (this.#count >= this.#most) {
      this.#reached('maxConnections', address)
      socket.destroy()
      return
    }
    // Everybody who comes through a proxy has its address.
    const isOfMany = address === undefined || isLoopbackAddress(address) || this.#isTrustedProxy(address)
    const own = isOfMany ? undefined : this.#socketsOf(addressGroup(address))
    if (own !== undefined && own.count >= this.#mostPerAddress) {
      this.#reached('maxConnectionsPerAddress', address)
      socket.destroy()
      return
    }
    this.#count += 1
    if (own !== undefined) own.count += 1
    socket.on('close', own?.closed ?? this.#closed)
  }

  readonly #closed = (): void => {
    this.#count -= 1
  }

  #socketsOf(group: string): AddressSockets {
    const known = this.#addresses.get(group)
    if (known !== undefined) return known
    const sockets: AddressSockets = {
      count: 0,
      closed: () => {
        this.#closed()
        sockets.count -= 1
        if (sockets.count === 0) this.#addresses.delete(group)
      },
    }
    this.#addresses.set(group, sockets)
    return sockets
  }
}

import type { LimitReached } from '../observe/limits-reached.js'
import type { Limits } from '../options.js'
import type { Handshake } from '../transport/transport.js'
import { addressGroup } from './address-group.js'
import type { HandshakeRefusal } from './admission.js'

const NODE_FULL: HandshakeRefusal = {
  status: 503,
  code: 'too-many-connections',
  message: 'this node has as many connections as it takes',
}
const ADDRESS_FULL: HandshakeRefusal = {
  status: 429,
  code: 'too-many-from-address',
  message: 'your address has as many connections as one may',
}

/** Where a connection comes from. `isExempt`: it is not counted by address. */
export type CountedAddress = Pick<Handshake, 'remoteAddress' | 'isExempt'>

/** How many there are of each key; one without any costs nothing. */
class Counts {
  readonly #counts = new Map<string, number>()

  of(key: string): number {
    return this.#counts.get(key) ?? 0
  }

  add(key: string): void {
    this.#counts.set(key, this.of(key) + 1)
  }

  remove(key: string): void {
    const count = this.of(key) - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }
}

export type ConnectionLimitsOptions = Pick<
  Limits,
  'maxConnections' | 'maxConnectionsPerAddress' | 'maxConnectionsPerUser'
>

/** Counts connections in all, by address and by user. Each `opened` needs one `closed`, each user let in one `userLeft`. */
export class ConnectionLimits {
  readonly #limits: ConnectionLimitsOptions
  readonly #reached: LimitReached
  readonly #addresses = new Counts()
  readonly #users = new Counts()
  #count = 0

  constructor(limits: ConnectionLimitsOptions, reached: LimitReached) {
    this.#limits = limits
    this.#reached = reached
  }

  /** Why one more connection from this address is not taken; undefined: there is room. */
  refusal({ remoteAddress: address, isExempt }: CountedAddress): HandshakeRefusal | undefined {
    if (this.#count >= this.#limits.maxConnections) {
      this.#reached('maxConnections', address)
      return NODE_FULL
    }
    if (isExempt) return undefined
    if (this.#addresses.of(addressGroup(address)) < this.#limits.maxConnectionsPerAddress) return undefined
    this.#reached('maxConnectionsPerAddress', address)
    return ADDRESS_FULL
  }

  opened({ remoteAddress: address, isExempt }: CountedAddress): void {
    this.#count += 1
    if (!isExempt) this.#addresses.add(addressGroup(address))
  }

  closed({ remoteAddress: address, isExempt }: CountedAddress): void {
    this.#count -= 1
    if (!isExempt) this.#addresses.remove(addressGroup(address))
  }

  /** false: the user has as many as one may. */
  letUserIn(user: string, address: string): boolean {
    if (this.#users.of(user) >= this.#limits.maxConnectionsPerUser) {
      this.#reached('maxConnectionsPerUser', address)
      return false
    }
    this.#users.add(user)
    return true
  }

  userLeft(user: string): void {
    this.#users.remove(user)
  }
}

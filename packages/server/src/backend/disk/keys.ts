import type { NewPublication } from '../backend.js'
import { shortHash } from '../fingerprint.js'

const OFFSET_BYTES = 6

/** Makes the keys of the table `log`: length of the channel's name, the name, the offset big-endian, so that they sort. */
export class LogKeys {
  /** Also the channel's key in the table `channels`. */
  readonly prefix: Buffer

  constructor(channel: string) {
    const name = Buffer.from(channel)
    this.prefix = Buffer.concat([Uint8Array.of(name.length), name])
  }

  key(offset: number): Buffer {
    const key = Buffer.allocUnsafe(this.prefix.length + OFFSET_BYTES)
    key.set(this.prefix)
    key.writeUIntBE(offset, this.prefix.length, OFFSET_BYTES)
    return key
  }

  offsetOf(key: Uint8Array): number {
    return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUIntBE(this.prefix.length, OFFSET_BYTES)
  }
}

/** Key of the table `dedupe`: a hash of channel, scope and id, with lengths so that no two triples are the same text. */
export const dedupeKey = (channel: string, { scope, id }: NewPublication): string =>
  shortHash(`${channel.length}:${channel}${scope.length}:${scope}${id}`)

const OFFSET_BYTES = 6

/** Makes the keys of the table `log`: length of the channel's name, the name, the offset big-endian, so that they sort. */
export class LogKeys {
  /** Also the channel's key in the table `channels`. */
  readonly prefix: Buffer
  readonly #reused: Buffer

  constructor(channel: string) {
    const name = Buffer.from(channel)
    this.prefix = Buffer.concat([Uint8Array.of(name.length), name])
    this.#reused = this.key(0)
  }

  key(offset: number): Buffer {
    const key = Buffer.allocUnsafe(this.prefix.length + OFFSET_BYTES)
    key.set(this.prefix)
    key.writeUIntBE(offset, this.prefix.length, OFFSET_BYTES)
    return key
  }

  /** The same, in a buffer that the next call uses again. */
  passingKey(offset: number): Buffer {
    this.#reused.writeUIntBE(offset, this.prefix.length, OFFSET_BYTES)
    return this.#reused
  }
}

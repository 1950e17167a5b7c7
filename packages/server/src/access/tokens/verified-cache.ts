import type { VerifiedToken } from './verified-token.js'

const MAX_TOKENS = 10_000
/** Of the tokens' text: what is kept of each grows with it. */
const MAX_CHARACTERS = 8 * 1024 * 1024

/** Tokens whose signature was verified, the least recently used forgotten first. */
export class VerifiedCache {
  readonly #tokens = new Map<string, { readonly token: VerifiedToken; readonly characters: number }>()
  #characters = 0
  #version = 0

  /** Another one after each `clear`. */
  get version(): number {
    return this.#version
  }

  get(fingerprint: string): VerifiedToken | undefined {
    const entry = this.#tokens.get(fingerprint)
    if (entry === undefined) return undefined
    this.#tokens.delete(fingerprint)
    this.#tokens.set(fingerprint, entry)
    return entry.token
  }

  /** Does nothing when the cache was cleared since it had this version: the token's key may be gone. */
  set(fingerprint: string, token: VerifiedToken, characters: number, version: number): void {
    if (version !== this.#version) return
    this.#delete(fingerprint)
    this.#tokens.set(fingerprint, { token, characters })
    this.#characters += characters
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= MAX_TOKENS && this.#characters <= MAX_CHARACTERS) return
      this.#delete(oldest)
    }
  }

  #delete(fingerprint: string): void {
    this.#characters -= this.#tokens.get(fingerprint)?.characters ?? 0
    this.#tokens.delete(fingerprint)
  }

  clear(): void {
    this.#tokens.clear()
    this.#characters = 0
    this.#version += 1
  }
}

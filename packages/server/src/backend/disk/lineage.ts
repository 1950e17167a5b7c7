import { randomBytes } from 'node:crypto'

/** How many incarnations are remembered; positions of older ones give a gap. */
const MAX_INCARNATIONS = 4096
const INCARNATION_BYTES = 9

/**
 * The incarnations of a data directory: every start adds a random one. Two copies of a directory share those from
 * before they were copied, and no later one. Each has a number that rises with every start.
 */
export class Lineage {
  /** Number of the oldest in `#names`. */
  readonly #first: number
  readonly #names: readonly string[]
  readonly #numbers = new Map<string, number>()

  private constructor(first: number, names: readonly string[]) {
    this.#first = first
    this.#names = names
    for (const [index, name] of names.entries()) this.#numbers.set(name, first + index)
  }

  /** The lineage as it is stored (undefined: a new directory), with one incarnation more. Throws if it is not one. */
  static begin(stored: Uint8Array | undefined): Lineage {
    const { first, names } = stored === undefined ? { first: 1, names: [] } : parse(stored)
    const all = [...names, randomBytes(INCARNATION_BYTES).toString('base64url')]
    const pruned = Math.max(0, all.length - MAX_INCARNATIONS)
    return new Lineage(first + pruned, all.slice(pruned))
  }

  /** The number of this start. */
  get current(): number {
    return this.#first + this.#names.length - 1
  }

  numberOf(name: string): number | undefined {
    return this.#numbers.get(name)
  }

  /** The name of an incarnation, or of the oldest one remembered if it is older. */
  nameOf(number: number): string {
    const name = this.#names[Math.max(0, number - this.#first)]
    if (name === undefined) throw new RangeError(`incarnation ${number} is not in the lineage`)
    return name
  }

  encode(): Buffer {
    return Buffer.from(JSON.stringify({ first: this.#first, names: this.#names }))
  }
}

const parse = (stored: Uint8Array): { readonly first: number; readonly names: readonly string[] } => {
  const value = JSON.parse(Buffer.from(stored).toString('utf8')) as { first?: unknown; names?: unknown }
  const { first, names } = value
  if (!Number.isSafeInteger(first) || !Array.isArray(names) || names.some((name) => typeof name !== 'string')) {
    throw new TypeError('the stored lineage is not one')
  }
  return { first: first as number, names: names as readonly string[] }
}

/**
 * Checks an LMDB file before it is opened: LMDB maps it into memory and trusts it, so a file that was cut off or written
 * over would crash the process. Layout: `mdb.c` of LMDB 1.0 as lmdb 3.5 bundles it, on little-endian 64-bit machines.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { endianness } from 'node:os'

const HEADER_BYTES = 24
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const NO_PAGE = 0xffff_ffff_ffff_ffffn

const BRANCH = 0x01
const LEAF = 0x02
const OVERFLOW = 0x04
const META = 0x08

const NODE_HEADER_BYTES = 8
const BIG_DATA = 0x01
const SUB_DATABASE = 0x02
const DATABASE_BYTES = 48

/** So many pages are looked at in full; of a larger file only the branches, which lead to all the others. */
const MAX_LEAVES = 65_536

interface Meta {
  readonly pageBytes: number
  readonly transaction: bigint
  /** Root and depth of the free list and of the tree of tables. */
  readonly trees: readonly Tree[]
}

interface Tree {
  readonly root: bigint
  readonly depth: number
}

/** Throws an Error that says what is wrong. On other machines the layout differs, and nothing is checked. */
export const inspectDataFile = (path: string): void => {
  if (endianness() !== 'LE' || !process.arch.endsWith('64')) return
  const file = openSync(path, 'r')
  try {
    const meta = newestMeta(file)
    new Inspection(file, meta.pageBytes).inspect(meta.trees)
  } finally {
    closeSync(file)
  }
}

const newestMeta = (file: number): Meta => {
  const first = readMeta(file, 0)
  const second = readMeta(file, first.pageBytes)
  if (second.pageBytes !== first.pageBytes) throw new Error('its two headers do not agree')
  return second.transaction > first.transaction ? second : first
}

const readMeta = (file: number, at: number): Meta => {
  const page = Buffer.alloc(256)
  if (readSync(file, page, 0, page.length, at) !== page.length) throw new Error('the file is cut off')
  const isMeta = (page.readUInt16LE(18) & META) !== 0 && page.readUInt32LE(HEADER_BYTES) === MAGIC
  if (!isMeta) throw new Error('its header was written over')
  const version = page.readUInt32LE(HEADER_BYTES + 4) & 0xffff
  if (version !== DATA_VERSION) throw new Error(`its format is LMDB's number ${version}, not ${DATA_VERSION}`)
  const pageBytes = page.readUInt32LE(0x30)
  const isPowerOfTwo = (pageBytes & (pageBytes - 1)) === 0
  if (!isPowerOfTwo || pageBytes < 512 || pageBytes > 65_536) throw new Error('its header was written over')
  return { pageBytes, transaction: page.readBigUInt64LE(0x98), trees: [treeAt(page, 0x30), treeAt(page, 0x60)] }
}

const treeAt = (page: Buffer, at: number): Tree => ({
  root: page.readBigUInt64LE(at + 40),
  depth: page.readUInt16LE(at + 6),
})

class Inspection {
  readonly #file: number
  readonly #pageBytes: number
  readonly #pages: number
  readonly #page: Buffer
  #leaves = 0

  constructor(file: number, pageBytes: number) {
    this.#file = file
    this.#pageBytes = pageBytes
    this.#pages = Math.floor(fstatSync(file).size / pageBytes)
    this.#page = Buffer.alloc(pageBytes)
  }

  inspect(trees: readonly Tree[]): void {
    const left = trees.filter(({ root }) => root !== NO_PAGE)
    // A page found in a tree is a smaller tree: what is left to look at is one list.
    for (let tree = left.pop(); tree !== undefined; tree = left.pop()) {
      const isLeaf = tree.depth <= 1
      if (isLeaf) this.#leaves += 1
      if (isLeaf && this.#leaves > MAX_LEAVES) this.#checkNumber(tree.root)
      else left.push(...(isLeaf ? this.#leaf(tree.root) : this.#branch(tree.root, tree.depth)))
    }
  }

  #branch(number: bigint, depth: number): Tree[] {
    const page = this.#read(number, BRANCH)
    return this.#nodes(page, number).map((at) => {
      const child = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 0x1_0000 + page.readUInt16LE(at + 4) * 2 ** 32
      return { root: BigInt(child), depth: depth - 1 }
    })
  }

  /** The trees of the tables that a leaf names, which only the tree of tables does. */
  #leaf(number: bigint): Tree[] {
    const page = this.#read(number, LEAF)
    const tables: Tree[] = []
    const overflows: { readonly first: bigint; readonly pages: bigint }[] = []
    for (const at of this.#nodes(page, number)) {
      const flags = page.readUInt16LE(at + 4)
      const data = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6)
      const bytes = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 0x1_0000
      const inPage = (flags & BIG_DATA) !== 0 ? 24 : (flags & SUB_DATABASE) !== 0 ? DATABASE_BYTES : bytes
      if (data + inPage > this.#pageBytes) throw this.#overwritten(number)
      if ((flags & BIG_DATA) !== 0) {
        overflows.push({ first: page.readBigUInt64LE(data), pages: page.readBigUInt64LE(data + 16) })
      } else if ((flags & SUB_DATABASE) !== 0) tables.push(treeAt(page, data))
    }
    for (const { first, pages } of overflows) {
      this.#read(first, OVERFLOW)
      this.#checkNumber(first + pages - 1n)
    }
    return tables.filter(({ root }) => root !== NO_PAGE)
  }

  /** Where the nodes of a page begin. */
  #nodes(page: Buffer, number: bigint): number[] {
    const lower = page.readUInt16LE(20)
    const upper = page.readUInt16LE(22)
    if (lower > upper || upper > this.#pageBytes - HEADER_BYTES || lower % 2 !== 0) throw this.#overwritten(number)
    const nodes: number[] = []
    for (let index = 0; index < lower / 2; index += 1) {
      const at = HEADER_BYTES + page.readUInt16LE(HEADER_BYTES + index * 2)
      if (at < HEADER_BYTES + upper || at + NODE_HEADER_BYTES > this.#pageBytes) throw this.#overwritten(number)
      nodes.push(at)
    }
    return nodes
  }

  #read(number: bigint, kind: number): Buffer {
    this.#checkNumber(number)
    const page = this.#page
    const read = readSync(this.#file, page, 0, this.#pageBytes, Number(number) * this.#pageBytes)
    const isWhole = read === this.#pageBytes && page.readBigUInt64LE(0) === number
    if (!isWhole || (page.readUInt16LE(18) & 0x0f) !== kind) throw this.#overwritten(number)
    return page
  }

  #checkNumber(number: bigint): void {
    if (number < 2n || number >= BigInt(this.#pages)) throw new Error('the file is cut off')
  }

  #overwritten(number: bigint): Error {
    return new Error(`its page ${number} was written over`)
  }
}

/**
 * The programs in C: built once, and again when their sources are newer.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BENCH, CACHE } from './paths.mjs'

const SOURCES = join(BENCH, 'load')
const FLAGS = ['-O2', '-std=gnu11', '-Wall', '-Wextra']

/** What the generator can do besides plain sockets, if the library's header is there. */
const LIBRARIES = [
  { name: 'tls', header: 'openssl/ssl.h', define: '-DWITH_TLS', links: ['-lssl', '-lcrypto'] },
  { name: 'deflate', header: 'zlib.h', define: '-DWITH_DEFLATE', links: ['-lz'] },
]

/** @param {readonly string[]} words @param {string} [input] */
const cc = (words, input) => spawnSync('cc', words, { input: input ?? '', encoding: 'utf8' })

export const hasCompiler = () => cc(['--version']).status === 0

/** @param {string} header */
const hasHeader = (header) => cc(['-E', '-x', 'c', '-'], `#include <${header}>\n`).status === 0

/** @param {string} output @param {readonly string[]} sources */
const isFresh = (output, sources) =>
  existsSync(output) && sources.every((source) => statSync(source).mtimeMs < statSync(output).mtimeMs)

/** @param {string} name @param {readonly string[]} sources @param {readonly string[]} words @returns {string} */
const build = (name, sources, words) => {
  mkdirSync(CACHE, { recursive: true })
  const output = join(CACHE, name)
  const paths = sources.map((source) => join(SOURCES, source))
  if (isFresh(output, [...paths, join(SOURCES, 'load.h')])) return output
  const { status, stderr } = cc([...FLAGS, '-o', output, ...paths.filter((path) => path.endsWith('.c')), ...words])
  if (status !== 0) throw new Error(`${name} cannot be built:\n${stderr}`)
  return output
}

/** @type {{ readonly path: string, readonly can: ReadonlySet<string> } | undefined} */
let load

/**
 * The load generator: where it is, and which of `tls` and `deflate` it can. Throws when it cannot be built.
 */
export const loadProgram = () => {
  if (load !== undefined) return load
  const libraries = LIBRARIES.filter(({ header }) => hasHeader(header))
  const words = libraries.flatMap(({ define, links }) => [define, ...links])
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c') && name !== 'relay.c')
  const path = build(['load', ...libraries.map(({ name }) => name)].join('-'), sources, words)
  load = { path, can: new Set(libraries.map(({ name }) => name)) }
  return load
}

/** The relay that shows the kernel's limit. */
export const relayProgram = () => build('relay', ['relay.c'], [])

/**
 * The lint rule that keeps the house in order: which package may import which, and what inside the server may name a
 * concrete backend. It sees static, dynamic and type-only imports, and resolves relative ones, so no path gets round it.
 */
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, relative, resolve, sep } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const CLI = 'tidings'

/**
 * The workspace packages that a folder's sources may import; nobody imports the command line.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const MAY_IMPORT = {
  'packages/protocol': [],
  'packages/contract': [],
  'packages/client': ['@tidings/protocol', '@tidings/contract'],
  'packages/server': ['@tidings/protocol', '@tidings/contract'],
  'packages/testing': ['@tidings/protocol', '@tidings/contract', '@tidings/client', '@tidings/server'],
  'packages/cli': ['@tidings/protocol', '@tidings/contract', '@tidings/client', '@tidings/server'],
  'examples/chat': ['@tidings/contract', '@tidings/client'],
}

/** What the command line itself reads: it may import the types of its configuration. */
const CLI_CONFIG = /^(examples\/[^/]+|bench\/src\/servers)\/tidings\.config\.(ts|mjs)$/

/** Packages that run in browsers too. */
const WITHOUT_NODE = ['packages/protocol', 'packages/contract', 'packages/client']

/** Tests, what only tests use, and configuration files are not part of what a package ships. */
const UNSHIPPED = /\.(test|fixture)\.tsx?$|\.config\.ts$|\/test\//

/** The server's core is written against the backend interfaces. */
const CORE = /^packages\/server\/src\/(session|commands|fanout|access|http|limits|observe|transport)\//
/** @param {string} file */
const isCore = (file) => CORE.test(file) && !UNSHIPPED.test(file)
const CONCRETE_BACKEND = /^packages\/server\/src\/backend\/(memory|disk|remote)\//

/** @param {string} path */
const fromRoot = (path) => relative(ROOT, path).split(sep).join('/')

/** @param {string} file */
const ownerOf = (file) => /^(packages|examples)\/[^/]+(?=\/)/.exec(file)?.[0]

/** @param {string} specifier */
const packageOf = (specifier) => (/^@[^/]+\/[^/]+|^[^/]+/.exec(specifier) ?? [specifier])[0]

/** @typedef {{ dependencies?: Record<string, string>, peerDependencies?: Record<string, string> }} Manifest */

/** @type {Map<string, readonly string[]>} */
const dependencies = new Map()

/** @param {string} folder */
const dependenciesOf = (folder) => {
  const known = dependencies.get(folder)
  if (known !== undefined) return known
  /** @type {unknown} */
  const parsed = JSON.parse(readFileSync(resolve(ROOT, folder, 'package.json'), 'utf8'))
  const manifest = /** @type {Manifest} */ (parsed)
  const names = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
  dependencies.set(folder, names)
  return names
}

/** @param {string} file @param {string} owner @param {string} specifier */
const relativeProblem = (file, owner, specifier) => {
  const target = fromRoot(resolve(ROOT, dirname(file), specifier))
  const targetOwner = ownerOf(`${target}/`)
  if (targetOwner !== undefined && targetOwner !== owner) return 'import a package by its name, not by its path'
  if (owner !== '' && targetOwner === undefined && !UNSHIPPED.test(file)) return `${owner} must not reach out of itself`
  return isCore(file) && CONCRETE_BACKEND.test(target) ? 'the core must not name a concrete backend' : undefined
}

/** @param {string} file @param {string} owner @param {string} specifier */
const packageProblem = (file, owner, specifier) => {
  const name = packageOf(specifier)
  const isTest = UNSHIPPED.test(file)
  if (name === CLI) return CLI_CONFIG.test(file) ? undefined : 'nobody imports the command line'
  if (isCore(file) && (name === 'lmdb' || /^@tidings\/server\/(memory|disk|remote)$/.test(specifier))) {
    return 'the core must not name a concrete backend'
  }
  if (isTest || owner === '') return undefined
  if (name.startsWith('@tidings/') && !(MAY_IMPORT[owner] ?? []).includes(name)) {
    return `${owner} must not import ${name}`
  }
  return dependenciesOf(owner).includes(name) ? undefined : `${owner} does not depend on ${name}`
}

/**
 * Says why a file must not import something, or undefined if it may.
 * @param {string} path absolute
 * @param {string} specifier
 */
export const importProblem = (path, specifier) => {
  const file = fromRoot(path)
  const owner = ownerOf(file) ?? ''
  if (/^\.{0,2}\//.test(specifier) || specifier === '.' || specifier === '..') {
    return relativeProblem(file, owner, specifier)
  }
  if (specifier.startsWith('node:') || isBuiltin(specifier)) {
    const allowed = UNSHIPPED.test(file) || !WITHOUT_NODE.includes(owner)
    return allowed ? undefined : `${owner} must run in browsers: no Node modules`
  }
  return packageProblem(file, owner, specifier)
}

/** @type {import('eslint').Rule.RuleModule} */
const imports = {
  meta: { type: 'problem', schema: [], messages: { forbidden: '{{problem}}' } },
  create: (context) => {
    /** @param {{ readonly type: string, readonly value?: unknown } | null | undefined} source what names the module */
    const check = (source) => {
      if (typeof source?.value !== 'string') return
      const problem = importProblem(context.filename, source.value)
      if (problem === undefined) return
      context.report({
        node: /** @type {import('eslint').Rule.Node} */ (source),
        messageId: 'forbidden',
        data: { problem },
      })
    }
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      /** @param {{ readonly source: { readonly type: string, readonly value: unknown } }} node `import('x').T` */
      TSImportType: (node) => check(node.source),
    }
  },
}

export const boundaries = { meta: { name: 'boundaries' }, rules: { imports } }

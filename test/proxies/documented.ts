import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const DOCUMENT = resolve(import.meta.dirname, '../../docs/operations.md')

export type ProxyLanguage = 'nginx' | 'haproxy' | 'caddyfile'

/** The configuration that the documentation shows. Throws unless there is exactly one. */
export const documentedConfiguration = (language: ProxyLanguage): string => {
  const blocks = [...readFileSync(DOCUMENT, 'utf8').matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))]
  const text = blocks[0]?.[1]
  if (text === undefined || blocks.length !== 1) throw new Error(`${blocks.length} ${language} blocks in ${DOCUMENT}`)
  return text
}

/** Puts this machine's ports and files in. Throws when the text has one of the pieces not at all: it would test another. */
export const withReplaced = (text: string, pieces: Readonly<Record<string, string>>): string =>
  Object.entries(pieces).reduce((current, [piece, replacement]) => {
    if (!current.includes(piece)) throw new Error(`the documented configuration has no '${piece}'`)
    return current.replaceAll(piece, replacement)
  }, text)

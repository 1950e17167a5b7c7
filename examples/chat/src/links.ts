export type TextPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }

const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`\u201c\u201d]+/giu
const TRAILING = /[.,:;!?]+$/u
const BRACKETS: readonly (readonly [string, string])[] = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]

const count = (text: string, sign: string): number => text.split(sign).length - 1

/** Signs that end a sentence, and brackets that were opened before the address, are not part of it. */
const trimmed = (candidate: string): string => {
  let address = candidate
  for (;;) {
    const before = address
    address = address.replace(TRAILING, '')
    for (const [open, close] of BRACKETS) {
      if (address.endsWith(close) && count(address, close) > count(address, open)) address = address.slice(0, -1)
    }
    if (address === before) return address
  }
}

const hrefOf = (address: string): string | undefined => {
  if (!URL.canParse(address)) return undefined
  const { protocol, href } = new URL(address)
  return protocol === 'http:' || protocol === 'https:' ? href : undefined
}

/** Cuts a text into plain parts and http(s) links; the parts joined are the text. */
export const partsOf = (text: string): readonly TextPart[] => {
  const parts: TextPart[] = []
  let at = 0
  for (const { 0: candidate, index } of text.matchAll(CANDIDATE)) {
    const address = trimmed(candidate)
    const href = hrefOf(address)
    if (href === undefined) continue
    if (index > at) parts.push({ kind: 'text', text: text.slice(at, index) })
    parts.push({ kind: 'link', text: address, href })
    at = index + address.length
  }
  if (at < text.length || parts.length === 0) parts.push({ kind: 'text', text: text.slice(at) })
  return parts
}

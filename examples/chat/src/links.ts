export type TextPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }

const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`\u201c\u201d]+/giu
const ENDS_SENTENCE = '.,:;!?'
const BRACKETS: readonly (readonly [string, string])[] = [
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]

const count = (text: string, sign: string): number => text.split(sign).length - 1

/** Signs that end a sentence, and brackets that were opened before the address, are not part of it. Looks at each sign once. */
const trimmed = (candidate: string): string => {
  const unopened = new Map(BRACKETS.map(([open, close]) => [close, count(candidate, close) - count(candidate, open)]))
  let end = candidate.length
  for (; end > 0; end--) {
    const sign = candidate.charAt(end - 1)
    if (ENDS_SENTENCE.includes(sign)) continue
    const surplus = unopened.get(sign) ?? 0
    if (surplus <= 0) break
    unopened.set(sign, surplus - 1)
  }
  return candidate.slice(0, end)
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

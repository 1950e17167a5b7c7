/** Arrays and objects inside each other in one frame of JSON; a payload may have 64 of them. */
export const MAX_JSON_DEPTH = 1000

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Whether there are more than so many of a character; finding few in much text costs next to nothing. */
const hasMoreThan = (limit: number, text: string, character: string): boolean => {
  let count = 0
  for (let at = text.indexOf(character); at !== -1; at = text.indexOf(character, at + 1)) {
    count += 1
    if (count > limit) return true
  }
  return false
}

const isDeeper = (text: string): boolean => {
  let depth = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at += 1
      for (let inside = text.charCodeAt(at); inside !== QUOTE && at < text.length; inside = text.charCodeAt(at)) {
        at += inside === BACKSLASH ? 2 : 1
      }
    } else if (code === 0x5b || code === 0x7b) {
      depth += 1
      if (depth > MAX_JSON_DEPTH) return true
    } else if (code === 0x5d || code === 0x7d) depth -= 1
  }
  return false
}

/**
 * Whether text that is JSON nests deeper than MAX_JSON_DEPTH; of other text nothing is said. `JSON.parse` has no bound of its own,
 * and with what it makes of 60,000 brackets the garbage collector is busy for tens of milliseconds.
 */
export const isTooDeep = (text: string): boolean =>
  text.length > MAX_JSON_DEPTH &&
  (hasMoreThan(MAX_JSON_DEPTH / 2, text, '[') || hasMoreThan(MAX_JSON_DEPTH / 2, text, '{')) &&
  isDeeper(text)

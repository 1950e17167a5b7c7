const PAIR = /^\s*([!#$%&'*+.^_`|~\w-]+)=(?:"([^"\\]*)"|([!#$%&'*+.^_`|~\w-]+))\s*$/

/**
 * One parameter of one element of `Forwarded` (RFC 7239), such as `for`; undefined: it is not there exactly once, or the
 * element is malformed. A quoted comma or semicolon breaks an element in two malformed ones: nothing that is asked for has any.
 */
export const forwardedParameter = (element: string, name: string): string | undefined => {
  let value: string | undefined
  for (const text of element.split(';')) {
    const pair = PAIR.exec(text)
    if (pair === null) return undefined
    if (pair[1]?.toLowerCase() !== name) continue
    if (value !== undefined) return undefined
    value = pair[2] ?? pair[3]
  }
  return value
}

/** What was agreed on about permessage-deflate (RFC 7692). */
export interface DeflateOffer {
  /** As one offer in a header `Sec-WebSocket-Extensions`. */
  readonly text: string
  /** Whether the client inflates what was compressed with a window of 32 KiB. */
  readonly takesFullWindow: boolean
}

type Parameters = readonly (readonly [name: string, value: string | true])[]

interface Extension {
  readonly name: string
  readonly parameters: Parameters
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
const NEXT = new RegExp(
  `[ \\t]*(?:(?<token>${TOKEN})|(?<mark>[;,])|=[ \\t]*(?:(?<plain>${TOKEN})|"(?<quoted>${TOKEN})"))[ \\t]*`,
  'y',
)
const FULL_BITS = 15

/** The extensions that a header lists; undefined: it is not a list of extensions (RFC 6455, section 9.1). */
const parseExtensions = (header: string): readonly Extension[] | undefined => {
  const extensions: { name: string; parameters: [string, string | true][] }[] = []
  let expected: 'name' | 'parameter' | 'value or mark' | 'mark' = 'name'
  for (let at = 0; at < header.length; at = NEXT.lastIndex) {
    NEXT.lastIndex = at
    const { token, mark, plain, quoted } = NEXT.exec(header)?.groups ?? {}
    const value = plain ?? quoted
    const parameters = extensions.at(-1)?.parameters
    if (token !== undefined && expected === 'name') {
      extensions.push({ name: token, parameters: [] })
      expected = 'mark'
    } else if (token !== undefined && expected === 'parameter') {
      parameters?.push([token, true])
      expected = 'value or mark'
    } else if (value !== undefined && expected === 'value or mark') {
      const name = parameters?.pop()?.[0] ?? ''
      parameters?.push([name, value])
      expected = 'mark'
    } else if (mark === ';' && expected !== 'name' && expected !== 'parameter') {
      expected = 'parameter'
    } else if (mark === ',' && expected !== 'parameter') {
      expected = 'name'
    } else {
      return undefined
    }
  }
  return expected === 'parameter' ? undefined : extensions
}

const isWindow = (value: string | true): boolean => value !== true && /^(?:[89]|1[0-5])$/.test(value)

/** The parameters that an offer may have, and whether a value is one of theirs (RFC 7692, section 7.1). */
const VALID = new Map<string, (value: string | true) => boolean>([
  ['server_no_context_takeover', (value) => value === true],
  ['client_no_context_takeover', (value) => value === true],
  ['server_max_window_bits', isWindow],
  ['client_max_window_bits', (value) => value === true || isWindow(value)],
])

const isAcceptable = ({ name, parameters }: Extension): boolean =>
  name === 'permessage-deflate' &&
  new Set(parameters.map(([key]) => key)).size === parameters.length &&
  parameters.every(([key, value]) => VALID.get(key)?.(value) === true)

/**
 * The first offer of permessage-deflate in a header `Sec-WebSocket-Extensions` that can be accepted; undefined when all must
 * be declined. `malformed`: the header is not a list of extensions.
 */
export const chooseDeflateOffer = (header: string): DeflateOffer | undefined | 'malformed' => {
  const extensions = parseExtensions(header)
  if (extensions === undefined) return 'malformed'
  const accepted = extensions.find(isAcceptable)
  if (accepted === undefined) return undefined
  const { name, parameters } = accepted
  const bits = parameters.find(([key]) => key === 'server_max_window_bits')?.[1]
  return {
    text: [name, ...parameters.map(([key, value]) => (value === true ? key : `${key}=${value}`))].join('; '),
    takesFullWindow: bits === undefined || Number(bits) === FULL_BITS,
  }
}

/** Where a page comes from, in the one spelling that browsers send: lower case, no default port, Punycode. */
export interface Origin {
  /** `scheme://host[:port]` */
  readonly text: string
  /** Without the colon. */
  readonly scheme: string
  /** Host and port. */
  readonly host: string
  readonly hostname: string
}

/** A percent escape would be decoded to another host, and `@` would make what stands before it a user. */
const ORIGIN = /^([a-z][a-z\d+.-]*):\/\/([^\s/\\?#@%*]+)\/?$/i
const ASCII = /^[\x21-\x7e]+$/
/** Schemes of sockets, and one whose every page shares one origin. */
const NOT_OF_PAGES = ['ws', 'wss', 'file']
/** Schemes whose hosts `URL` brings into one spelling. */
const WEB = ['http', 'https']

/**
 * Reads `scheme://host[:port]` (RFC 6454, section 6.2) of any scheme, such as `https://app.example` or
 * `capacitor://localhost`, with or without a slash behind: some libraries add one. undefined: it is something else. The text `null` is something else too: browsers send it for every
 * page that has no origin of its own, so it says nothing about who asks.
 */
export const parseOrigin = (text: string): Origin | undefined => {
  const [, scheme = '', authority = ''] = ORIGIN.exec(text) ?? []
  if (!URL.canParse(text) || NOT_OF_PAGES.includes(scheme.toLowerCase())) return undefined
  if (!WEB.includes(scheme.toLowerCase()) && !ASCII.test(authority)) return undefined
  const url = new URL(text)
  const host = url.host.toLowerCase()
  return {
    text: `${url.protocol}//${host}`,
    scheme: url.protocol.slice(0, -1),
    host,
    hostname: url.hostname.toLowerCase(),
  }
}

/** Reads an entry of the option `origins`. A string says why it is no origin, after the entry. */
export const listedOrigin = (entry: string): Origin | string => {
  const origin = parseOrigin(entry)
  if (origin !== undefined) return origin
  const lower = entry.toLowerCase()
  if (lower === 'null')
    return 'stands for every page that has no origin of its own, sandboxed frames of any site included'
  if (entry.includes('*')) return 'has a wildcard: list each origin by itself'
  if (lower.startsWith('file:'))
    return 'stands for every file on the visitor’s device: give the app a scheme of its own'
  if (/^wss?:/.test(lower))
    return `is a socket’s address: list the page’s own, such as ${entry.replace(/^ws/i, 'http')}`
  const asPage = parseOrigin(`http://${entry}`)
  if (asPage !== undefined && !/^[a-z]+:$/i.test(entry))
    return `has no scheme: write ${asPage.text} or https://${asPage.host}`
  return 'is not scheme://host or scheme://host:port'
}

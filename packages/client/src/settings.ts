import { type Codec, jsonCodec } from '@tidings/protocol'
import type { BackoffBounds } from './backoff.js'
import { checkTexts } from './plain-data.js'
import { randomId } from './random-id.js'
import { TidingsError } from './tidings-error.js'
import type { ClientClock, ClientOptions } from './options.js'

/** The client's options with their defaults. */
export interface Settings {
  readonly addresses: readonly string[]
  readonly token: ClientOptions['token']
  readonly codec: Codec
  readonly clientId: string
  readonly backoff: BackoffBounds
  readonly clock: ClientClock
  readonly maxQueuedPublishes: number
  readonly maxBufferedItems: number
}

const systemClock: ClientClock = { monotonicMs: () => performance.now(), wallMs: Date.now }

const SCHEME = /^(ws|http)s?:/i

/**
 * A page's own location completes an address that begins with / or a dot. Without a page, as while a server renders one,
 * such an address stays as it is. Throws TidingsError `bad-option` for one to which no WebSocket can be opened.
 */
const socketAddress = (url: string): string => {
  const isRelative = /^[/.]/.test(url)
  try {
    if ((isRelative || SCHEME.test(url)) && !url.includes('#')) {
      const { href } = new URL(url, (globalThis as { location?: Location }).location?.href)
      if (SCHEME.test(href)) return href.replace(/^http/, 'ws')
    }
  } catch {
    if (isRelative) return url
  }
  throw new TidingsError('bad-option', `url '${url}' is not one like wss://host/ws, or /ws in a page, without #`)
}

export const settingsOf = ({
  url,
  token,
  codec = jsonCodec,
  clientId = randomId(),
  backoff = { minMs: 500, maxMs: 5000 },
  clock = systemClock,
  maxQueuedPublishes = 1000,
  maxBufferedItems = 1000,
}: ClientOptions): Settings => {
  const addresses = [url].flat().map(socketAddress)
  if (!(addresses.length > 0 && maxQueuedPublishes > 0 && maxBufferedItems > 0)) {
    throw new TidingsError('bad-option', 'url or a maximum is empty')
  }
  checkTexts({ token, clientId })
  return { addresses, token, codec, clientId, backoff, clock, maxQueuedPublishes, maxBufferedItems }
}

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

/** A page's own location completes a relative address. */
const socketAddress = (url: string): string => {
  const base = (globalThis as { location?: Location }).location?.href
  const address = URL.canParse(url, base) ? new URL(url, base).href.replace(/^http/, 'ws') : url
  if (!address.startsWith('ws')) throw new TidingsError('bad-option', `url '${url}' is not one like wss://host/ws`)
  return address
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

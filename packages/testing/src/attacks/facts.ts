import { handshake, RawSocket } from '../raw-socket.js'
import { RawClient } from '../raw-client.js'
import type { Target } from './target.js'

/** What a look at the node shows. */
export interface Facts {
  /** It runs under the dev profile, where tokens are names. */
  readonly isDev: boolean
  readonly compresses: boolean
  /** It lets clients in that have no token. */
  readonly takesAnonymous: boolean
  readonly limits: {
    readonly maxFrameBytes: number
    readonly maxPayloadBytes: number
    readonly maxSubscriptions: number
  }
}

const FOREIGN_HOST = 'rebound.example'

const ask = async (target: Target, headers: Readonly<Record<string, string>>): Promise<string> => {
  const raw = new RawSocket(target.address)
  raw.write(handshake(target.path, { Host: target.url.host, ...headers }))
  await Promise.race([raw.until(() => raw.head !== ''), raw.ended]).catch(() => undefined)
  raw.socket.destroy()
  await raw.ended
  return raw.head
}

const clientOptions = (target: Target) => ({ socket: { ...target.tls, perMessageDeflate: false } })

const isAnonymousTaken = async (target: Target): Promise<boolean> => {
  const client = await RawClient.open(target.url.href, { ...clientOptions(target), token: false })
  client.send({ type: 'connect', id: 1 })
  const reply = await client.find(() => true)
  client.socket.terminate()
  return reply.type === 'connected'
}

/** Looks at the node as a stranger and as a user. Rejects with a sentence when not even a user with a good token gets in. */
export const lookAt = async (target: Target): Promise<Facts> => {
  const isDev = (await ask(target, { Host: FOREIGN_HOST })).startsWith('HTTP/1.1 403')
  const offer = await ask(target, { 'Sec-WebSocket-Extensions': 'permessage-deflate' })
  const takesAnonymous = await isAnonymousTaken(target)
  const token = isDev ? 'stranger' : target.token('stranger')
  const client = await RawClient.open(target.url.href, {
    ...clientOptions(target),
    ...(token === undefined ? undefined : { token }),
  })
  const [reply] = client.received
  client.socket.terminate()
  if (reply?.type !== 'connected') {
    const why = reply?.type === 'error' ? `${reply.code}: ${reply.message}` : 'no answer'
    throw new Error(`the node does not let a user in who should be (${why}); name its key, or a token`)
  }
  return {
    isDev,
    compresses: /permessage-deflate/i.test(offer),
    takesAnonymous,
    limits: reply.limits,
  }
}

import { createHash, randomBytes } from 'node:crypto'
import type { User } from '../options.js'

const MAX_NAME_LENGTH = 64

/**
 * The dev profile's users: the token is the name as it is. Without one a guest, the same for the same client, so that a
 * reconnect is not somebody else. false: the name is not usable.
 */
export const devUser = (token: string | undefined, client: string | undefined): User | false => {
  if (token === undefined) {
    const seed = client ?? randomBytes(16).toString('hex')
    return { id: `guest-${createHash('sha256').update(seed).digest('hex').slice(0, 6)}` }
  }
  if (token.length > MAX_NAME_LENGTH || token.trim() !== token || /\p{C}/u.test(token)) {
    return false
  }
  return { id: token }
}

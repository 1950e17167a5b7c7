import type { Limits } from '../options.js'
import type { AccountRates } from './account.js'
import type { AccountsParts } from './accounts.js'
import type { Rate } from './rate-limit.js'

/** What one user may use, and what one address may, whose anonymous clients together may use as much as several users. */
export const accountRates = (limits: Limits, monotonic: () => number): AccountsParts => {
  const rate = (perSecond: number, burst: number): Rate => ({ perSecond, burst, monotonic })
  const timesOne = (times: number): Omit<AccountRates, 'connects'> => ({
    commands: rate(limits.commandsPerSecond * times, limits.commandBurst * times),
    bytes: rate(limits.bytesPerSecond * times, limits.bytesBurst * times),
    pages: rate(limits.historyBytesPerSecond * times, limits.historyBytesBurst * times),
    failedTokens: rate(limits.failedTokensPerSecond, limits.failedTokenBurst),
  })
  return {
    user: { ...timesOne(1), connects: rate(limits.connectsPerSecond, limits.connectBurst) },
    address: {
      ...timesOne(limits.usersPerAddress),
      connects: rate(limits.handshakesPerSecond, limits.handshakeBurst),
    },
  }
}

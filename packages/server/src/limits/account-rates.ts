import type { Limits } from '../options.js'
import type { AccountRates } from './account.js'
import type { AccountsParts } from './accounts.js'
import type { Rate } from './rate-limit.js'

/** What one user may use, and what the anonymous clients of one address may: as much as several users. */
export const accountRates = (limits: Limits, monotonic: () => number): AccountsParts => {
  const timesOne = (times: number): AccountRates => {
    const rate = (perSecond: number, burst: number): Rate => ({
      perSecond: perSecond * times,
      burst: burst * times,
      monotonic,
    })
    return { pages: rate(limits.historyBytesPerSecond, limits.historyBytesBurst) }
  }
  return { user: timesOne(1), address: timesOne(limits.usersPerAddress) }
}

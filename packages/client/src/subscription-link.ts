import type { Publication } from '@tidings/protocol'
import type { Commands } from './commands.js'
import type { Settings } from './settings.js'
import type { SharedSubscription } from './shared-subscription.js'

/** The client, as its subscriptions see it. */
export interface SubscriptionLink {
  readonly commands: Commands
  readonly settings: Settings
  /** Whether the publication is one's own and was published with `echo: false`. */
  isUnheard(channel: string, publication: Publication): boolean
}

/** The other shared subscriptions, as one of them sees them. */
export interface Siblings {
  /** A number that no subscription to the channel has, if there is one. */
  freeSub(channel: string): number | undefined
  /** It is live and took what came: it may be where another one is. */
  moved(subscription: SharedSubscription): void
  /** The server has nothing of it: its number may be used again. */
  released(subscription: SharedSubscription): void
}

import type { Observer, Refusal } from '../observe/observer.js'
import type { Limits } from '../options.js'
import type { CommandTable } from '../session/dispatch.js'
import type { Session } from '../session/session.js'
import { connectCommand, type ConnectParts } from './connect.js'
import { historyCommand, type HistoryParts } from './history.js'
import { presenceCommand, type PresenceParts } from './presence.js'
import { publishCommand, type PublishParts } from './publish.js'
import { refreshCommand, type RefreshParts } from './refresh.js'
import { subscribeCommand, type SubscribeParts, unsubscribe } from './subscribe.js'

/** What all commands need together; each takes what its own parts name. */
type AllParts = ConnectParts & RefreshParts & SubscribeParts & PublishParts & HistoryParts & PresenceParts
/** Made here. */
type OwnParts = 'failed' | 'connected' | 'refused' | 'maxEntered' | keyof Limits

export type CommandParts = Omit<AllParts, OwnParts> & { readonly observer: Observer }

export const createCommands = ({ observer, ...given }: CommandParts): CommandTable => {
  const parts: AllParts = {
    ...given,
    ...given.limits,
    maxEntered: given.limits.maxSubscriptions,
    failed: (session: Session, command: 'connect' | 'refresh', error: unknown, secret: string | undefined) =>
      observer.failed({
        text: 'who a client is could not be found out; let authenticate return false to refuse somebody for good',
        ...{ error, secret, command },
        ...session.actor,
      }),
    connected: (session: Session) => observer.connected(session.actor),
    refused: (session: Session, { code, ...more }: Refusal) => observer.refused({ code, ...session.actor, ...more }),
  }
  return {
    connect: connectCommand(parts),
    refresh: refreshCommand(parts),
    subscribe: subscribeCommand(parts),
    unsubscribe,
    publish: publishCommand(parts),
    history: historyCommand(parts),
    presence: presenceCommand(parts),
    ping: (_session, _identity, { id }) => ({ type: 'pong', id }),
  }
}

import type { Reply } from '@tidings/protocol'
import type { PageTurns } from '../limits/page-turns.js'
import { type Answer, SENT } from '../session/command-queue.js'
import { errorReply } from '../session/errors.js'
import type { Identity, Session } from '../session/session.js'

/**
 * Answers a command that reads much, such as a page of history, when it is the account's turn. The reply is sent within that
 * turn, so that its bytes are charged. Rejects as `read` does.
 */
export const paced = async (
  pages: PageTurns,
  session: Session,
  { account }: Identity,
  id: number,
  read: () => Promise<Reply>,
): Promise<Answer> => {
  let failure: { readonly error: unknown } | undefined
  const hadTurn = await pages.runCommand(account, async () => {
    if (session.ended) return 0
    try {
      return session.reply(await read())
    } catch (error) {
      failure = { error }
      return 0
    }
  })
  if (failure !== undefined) throw failure.error
  return hadTurn ? SENT : errorReply(id, 'rate-limited', 'you have read too much of late; slow down')
}

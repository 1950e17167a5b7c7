import { setImmediate as endOfTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Cursor } from '../backend/backend.js'
import type { Outbound } from '../transport/outbound.js'
import { RetryDelay } from './retry-delay.js'
import type { SharedPage } from './shared-pages.js'
import type { Subscription } from './subscription.js'

/** How often a feed whose notices are hints is looked at again. */
const LOOK_AGAIN_MS = 10

/** What one step came to: how the next one goes on. */
type Step = 'done' | 'more' | 'at-the-end' | 'failed'

/** A page that another subscription had read and built costs its bytes, and no reading: it counts for this part. */
const SHARED_PART = 1 / 8

/**
 * Reads the log from the subscription's cursor, a page at a time and only while the connection takes more, and joins the
 * feed without hole or duplicate: the comparison with the feed's cursor and the joining happen in one synchronous turn,
 * and what the feed has not told yet is left to it.
 */
export const catchUp = async (subscription: Subscription): Promise<void> => {
  const delay = new RetryDelay()
  for (;;) {
    // One at a time: what waits for a slow peer is one page, and not one for each of its subscriptions.
    const step = await subscription.outbound.inTurn(() => takeStep(subscription))
    if (step === 'done') return
    if (step === 'failed') {
      await delay.wait()
      continue
    }
    delay.answered()
    if (step === 'at-the-end') await letFeedMove(subscription)
  }
}

const takeStep = async (subscription: Subscription): Promise<Step> => {
  const { outbound, pages } = subscription
  while ((outbound.hasEnough || outbound.isUnproven) && !subscription.hasEnded()) await wantsMore(outbound)
  let step: Step = 'done'
  await pages.run(async () => {
    const [taken, bytes] = await takePage(subscription)
    step = taken
    return bytes
  })
  return step
}

/** Reads a page and sends it. Also gives how many bytes that counts for. */
const takePage = async (subscription: Subscription): Promise<readonly [Step, number]> => {
  const { feed } = subscription
  if (subscription.hasEnded()) return ['done', 0]
  const { epochChanges } = feed
  const isShared = feed.pages.has(subscription.cursor.position)
  const page = await readPage(subscription)
  if (subscription.hasEnded()) return ['done', 0]
  if (page === undefined) return ['failed', 0]
  // The page may be of the log that was lost: its offsets say nothing about where the feed is.
  if (feed.epochChanges !== epochChanges) return ['more', 0]
  const { isWhole, sentBytes } = pushPage(subscription, page)
  const cost = isShared ? sentBytes * SHARED_PART : sentBytes
  if (isAt(subscription.cursor, feed.cursor)) {
    subscription.goLive()
    return ['done', cost]
  }
  return [isWhole && page.page.more ? 'more' : 'at-the-end', cost]
}

/** The position decides for a client's own, whose offset is not known; the same place may have several positions. */
const isAt = (cursor: Cursor, other: Cursor): boolean =>
  cursor.offset === other.offset || cursor.position === other.position

/** The log and the feed are not at the same place: the feed is about to tell a batch, or has to read the log itself. */
const letFeedMove = async ({ feed, log }: Subscription): Promise<void> => {
  if (log.notices === 'exact') {
    await endOfTurn()
  } else {
    await feed.repair()
    await sleep(LOOK_AGAIN_MS, undefined, { ref: false })
  }
}

const wantsMore = (outbound: Outbound): Promise<void> => new Promise((resolve) => outbound.whenWanted(resolve))

interface Pushed {
  /** false: the page goes beyond what the feed has told, and the rest was left to it. */
  readonly isWhole: boolean
  readonly sentBytes: number
}

const pushPage = (subscription: Subscription, shared: SharedPage): Pushed => {
  const { gap, publications, end } = shared.page
  const limit = subscription.feed.cursor.offset
  let sentBytes = 0
  if (gap !== null) {
    const first = publications.at(0)
    sentBytes += subscription.pushGap(gap, first === undefined ? end : { position: gap.to, offset: first.offset - 1 })
  }
  const session = shared.isMutedFor(subscription.session) ? subscription.session : undefined
  const isWhole = end.offset <= limit || publications.length === 0
  if (publications.length === 0) subscription.moveTo(end)
  else if (isWhole && session === undefined) {
    sentBytes += subscription.pushFrames(shared.frames(subscription.variant))
  } else {
    const told = publications.filter(({ offset }) => offset <= limit)
    sentBytes += subscription.pushPublications(told, session)
  }
  return { isWhole, sentBytes }
}

/** undefined: the backend did not answer. */
const readPage = async ({ feed, cursor }: Subscription): Promise<SharedPage | undefined> => {
  try {
    return await feed.pages.read(cursor.position)
  } catch {
    return undefined
  }
}

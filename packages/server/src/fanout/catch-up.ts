import { setImmediate as endOfTurn, setTimeout as sleep } from 'node:timers/promises'
import type { Page } from '../backend/backend.js'
import type { Outbound } from '../transport/outbound.js'
import type { Subscription } from './subscription.js'

const PAGE_LIMIT = 500
const PAGE_BYTES = 65_536
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5000

/**
 * Reads the log from the subscription's cursor, a page at a time and only while the connection takes more, and joins the
 * feed without hole or duplicate: the comparison with the feed's cursor and the joining happen in one synchronous turn,
 * and what the feed has not told yet is left to it.
 */
export const catchUp = async (subscription: Subscription): Promise<void> => {
  const { feed, outbound } = subscription
  let retryMs = RETRY_MIN_MS
  while (!subscription.hasEnded()) {
    if (outbound.isFull) {
      await drained(outbound)
      continue
    }
    const page = await readPage(subscription)
    if (subscription.hasEnded()) return
    if (page === undefined) {
      await sleep(retryMs, undefined, { ref: false })
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS)
      continue
    }
    retryMs = RETRY_MIN_MS
    pushPage(subscription, page)
    if (subscription.cursor.offset === feed.cursor.offset) {
      subscription.goLive()
      return
    }
    if (!page.more) await letFeedMove(subscription)
  }
}

/** The log and the feed are not at the same place: the feed is about to tell a batch, or has to read the log itself. */
const letFeedMove = async ({ feed, log }: Subscription): Promise<void> => {
  if (log.notices === 'exact') {
    await endOfTurn()
  } else {
    await feed.repair()
    await sleep(RETRY_MIN_MS / 10, undefined, { ref: false })
  }
}

const drained = (outbound: Outbound): Promise<void> => new Promise((resolve) => outbound.whenDrained(resolve))

const pushPage = (subscription: Subscription, page: Page): void => {
  const limit = subscription.feed.cursor.offset
  if (page.gap !== null) {
    const first = page.publications.at(0)
    const to = first === undefined ? page.end : { position: page.gap.to, offset: first.offset - 1 }
    subscription.pushGap(page.gap, to)
  }
  const known = page.publications.filter(({ offset }) => offset <= limit)
  subscription.pushPublications(known)
  if (page.publications.length === 0) subscription.moveTo(page.end)
}

/** undefined: the backend did not answer. */
const readPage = async (subscription: Subscription): Promise<Page | undefined> => {
  const { feed, log, cursor } = subscription
  try {
    const request = { direction: 'forward', from: cursor.position, limit: PAGE_LIMIT, maxBytes: PAGE_BYTES } as const
    return await log.read(feed.channel, request)
  } catch {
    return undefined
  }
}

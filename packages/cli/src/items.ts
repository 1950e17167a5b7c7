import type { GapItem, PublicationItem, SubscriptionItem } from '@tidings/client'

/**
 * A publication as a line says it, its fields in the same order whoever stored it: bytes as base64 in `bytes` in place of
 * `data`, like the JSON codec on the wire.
 */
const publicationLine = ({ offset, position, time, publisher, id, key, tags, data }: PublicationItem): object => ({
  kind: 'publication',
  offset,
  position,
  time,
  publisher,
  id,
  ...(key !== undefined && { key }),
  ...(tags !== undefined && { tags }),
  ...(data instanceof Uint8Array ? { bytes: Buffer.from(data).toString('base64') } : { data }),
})

const gapLine = ({ reason, missed, from, to }: GapItem): object => ({ kind: 'gap', reason, missed, from, to })

/** One item of a subscription or a history page as an object for a line of JSON. */
export const itemLine = (item: SubscriptionItem): object =>
  item.kind === 'gap' ? gapLine(item) : publicationLine(item)

const REASONS: Readonly<Record<GapItem['reason'], string>> = {
  trimmed: 'the channel keeps fewer',
  expired: 'they are older than the channel keeps them',
  purged: 'the channel was purged',
  'epoch-changed': 'the log is not the one this position belongs to',
  skipped: 'this reader was too slow',
  broker: 'the server cannot show that nothing is missing',
}

/** A gap in words. */
export const gapSentence = ({ reason, missed }: GapItem): string => {
  const count =
    missed === null ? 'Publications may be' : missed === 1 ? '1 publication is' : `${missed} publications are`
  return `Gap: ${count} missing, because ${REASONS[reason]} (${reason}).`
}

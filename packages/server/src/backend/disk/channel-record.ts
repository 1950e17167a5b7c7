import type { HistoryRules } from '@tidings/contract'
import { Losses } from '../losses.js'
import type { Segment } from './segments.js'

/** What the table `channels` holds of one channel, as JSON. Never changed in place: a batch makes new ones. */
export interface ChannelRecord {
  /** Offset of the newest publication; 0 before the first. */
  readonly tail: number
  readonly lastTime: number
  /** Bytes of all publications up to the tail, those that are gone included. */
  readonly totalBytes: number
  /** Offset of the newest publication that is gone for readers. */
  readonly floor: number
  /** `totalBytes` as it was at the floor. */
  readonly floorBytes: number
  /** Offset of the newest publication that was removed from the table `log`; the sweep brings it to the floor. */
  readonly swept: number
  /** Time of the publication at the floor, or later; undefined: an earlier version wrote the record. */
  readonly goneTime?: number
  readonly losses: Readonly<Losses>
  readonly segments: readonly Segment[]
  /** The rules of the latest use: the sweep applies them. */
  readonly history: HistoryRules | null
  /** Whether the channel was last used without disk, so that what was published then is not here. */
  readonly left?: boolean
  /** The newest offset that was left out because the channel went on without disk; 0: none. */
  readonly hole?: number
}

export const EMPTY_RECORD: ChannelRecord = {
  tail: 0,
  lastTime: 0,
  totalBytes: 0,
  floor: 0,
  floorBytes: 0,
  swept: 0,
  losses: new Losses(),
  segments: [],
  history: null,
}

export const encodeChannel = (record: ChannelRecord): Buffer => Buffer.from(JSON.stringify(record))

/** Throws if it is not one. */
export const decodeChannel = (stored: Uint8Array): ChannelRecord => {
  const record = JSON.parse(Buffer.from(stored).toString('utf8')) as ChannelRecord
  const { tail, floor, swept, totalBytes, losses, segments } = record
  if (![tail, floor, swept, totalBytes].every(Number.isSafeInteger) || !Array.isArray(segments)) {
    throw new TypeError('a stored channel record is not one')
  }
  return { ...record, losses: Object.assign(new Losses(), losses) }
}

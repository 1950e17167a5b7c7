/** The offsets from `first` on were assigned in this incarnation, up to the next segment. */
export interface Segment {
  /** The incarnation's number in the lineage. */
  readonly incarnation: number
  readonly first: number
}

/** Above this many, those of which nothing is kept are forgotten. */
const COMFORTABLE = 64
/** Above this many, the oldest are forgotten whatever they hold. */
const MAX_SEGMENTS = 256

/** With one more segment if the incarnation has none yet. `floor`: what is kept comes after it. */
export const withSegment = (
  segments: readonly Segment[],
  incarnation: number,
  first: number,
  floor: number,
): readonly Segment[] => {
  if (segments.at(-1)?.incarnation === incarnation) return segments
  const all = [...segments, { incarnation, first }]
  while (all.length > MAX_SEGMENTS || (all.length > COMFORTABLE && (all[1]?.first ?? Infinity) <= floor)) all.shift()
  return all
}

/** Which incarnation names the position of an offset: the one that assigned it; `current` in a log without any. */
export const incarnationOf = (segments: readonly Segment[], offset: number, current: number): number => {
  const segment = segments.findLast(({ first }) => first <= offset) ?? segments[0]
  return segment?.incarnation ?? current
}

/**
 * The last offset that existed when an incarnation ended, or undefined if that was forgotten. A position of that
 * incarnation with a larger offset is not of this log: it was made in a copy that went on by itself.
 */
export const lastOffsetOf = (segments: readonly Segment[], incarnation: number, tail: number): number | undefined => {
  const index = segments.findLastIndex((segment) => segment.incarnation <= incarnation)
  if (index === -1) {
    const oldest = segments[0]
    if (oldest === undefined) return tail
    return oldest.first === 1 ? 0 : undefined
  }
  const next = segments[index + 1]
  return next === undefined ? tail : next.first - 1
}

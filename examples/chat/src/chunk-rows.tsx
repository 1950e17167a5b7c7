import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { settleChunks } from './chunk-heights.js'
import { DeliveredLine } from './line.js'
import { DayRow, GapRow } from './log-marks.js'
import type { RoomSession } from './room-session.js'
import { type Previous, rowsOf } from './rows.js'
import type { TimelineItem } from './timeline.js'

interface ChunkRowsProps {
  readonly items: readonly TimelineItem[]
  readonly previous: Previous
  readonly previousTimeMs: number | undefined
  /** Names of days change at midnight. */
  readonly today: string
  /** Lines are added to later chunks only. */
  readonly isFull: boolean
  readonly session: RoomSession
}

/**
 * Some fifty lines. Drawn again only when they change; once full, laid out and painted only near the view
 * (`content-visibility`). Its height is measured before that, so that nothing moves when it comes back into view.
 */
export function ChunkRows({ items, previous, previousTimeMs, today, isFull, session }: ChunkRowsProps) {
  const element = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    if (isFull && element.current !== null) settleChunks([element.current])
  }, [items, previous, isFull])
  // The same element again: nothing below it is looked at.
  return useMemo(
    () => (
      <div class="chunk" ref={element}>
        {rowsOf(items, { previous, timeMs: previousTimeMs }).map((row) => {
          switch (row.kind) {
            case 'day':
              return <DayRow key={row.key} timeMs={row.timeMs} />
            case 'gap':
              return <GapRow key={row.key} gap={row.gap} session={session} />
            case 'line':
              return <DeliveredLine key={row.key} line={row.line} opens={row.opens} />
            case 'local':
              return null
          }
        })}
      </div>
    ),
    [items, previous, previousTimeMs, today, session],
  )
}

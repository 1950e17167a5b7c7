import { type MutableRef, useEffect, useRef } from 'preact/hooks'
import { ChunkRows } from './chunk-rows.js'
import { DownIcon } from './icons.js'
import { OwnLine } from './line.js'
import { DayRow, LogStart } from './log-marks.js'
import type { RoomSession } from './room-session.js'
import { lastOf, lastTimeOf, localRowsOf } from './rows.js'
import { newLinesWords } from './unread.js'
import { useScroll } from './use-scroll.js'

interface LogProps {
  readonly session: RoomSession
  /** Is given the function that shows the newest lines. */
  readonly end: MutableRef<() => void>
  readonly toComposer: () => void
}

const NOTHING = { previous: undefined, timeMs: undefined } as const

/** All lines of the room. Chunks far from the view are not laid out: see `ChunkRows`. */
export function Log({ session, end, toComposer }: LogProps) {
  const { timeline, unread, name } = session
  const start = useRef<HTMLDivElement>(null)
  const { scroller, isAtEnd, toEnd } = useScroll(session)
  end.current = toEnd

  useEffect(() => {
    const sentinel = start.current
    if (sentinel === null || !session.isReady) return undefined
    const observer = new IntersectionObserver(
      ([entry]) =>
        entry?.isIntersecting === true && session.history.beginning === 'unknown' && void session.history.loadOlder(),
      { root: scroller.current, rootMargin: '600px 0px 0px 0px' },
    )
    observer.observe(sentinel)
    return () => observer.disconnect()
    // Observing anew reports anew: after each page the sentinel may still be in view.
  }, [session, session.isReady, session.history.beginning, scroller])

  let before: Parameters<typeof localRowsOf>[1] = NOTHING
  const lastChunk = timeline.chunks.at(-1)
  const chunks = timeline.chunks.map((chunk) => {
    const own = before
    before = {
      previous: lastOf(chunk.items),
      timeMs: lastTimeOf(chunk.items) ?? own.timeMs,
    }
    return (
      <ChunkRows
        key={chunk.key}
        items={chunk.items}
        previous={own.previous}
        previousTimeMs={own.timeMs}
        today={new Date().toDateString()}
        isFull={chunk !== lastChunk}
        session={session}
      />
    )
  })

  return (
    <div class="log-frame">
      {/* A scrolling region must be reachable by keyboard. New lines are read out by the Announcer. */}
      <section
        ref={scroller}
        class="log"
        role="log"
        aria-live="off"
        aria-label={`Lines in ${session.room}`}
        tabIndex={0}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          toEnd()
          toComposer()
        }}
      >
        <div class="log-inside">
          <div ref={start}>
            <LogStart session={session} />
          </div>
          {chunks}
          <div class="locals">
            {localRowsOf(timeline.locals.list, before, name).map((row) =>
              row.kind === 'day' ? (
                <DayRow key={row.key} timeMs={row.timeMs} />
              ) : row.kind === 'local' ? (
                <OwnLine
                  key={row.key}
                  line={row.line}
                  opens={row.opens}
                  me={name}
                  isConnected={session.connection.kind === 'connected'}
                  sendAgain={() => session.sendAgain(row.line.id)}
                  discard={() => session.discard(row.line.id)}
                />
              ) : null,
            )}
          </div>
        </div>
      </section>
      {!isAtEnd && (
        <button
          type="button"
          class="jump"
          onClick={() => {
            toEnd()
            toComposer()
          }}
        >
          <DownIcon />
          {unread.count > 0 ? newLinesWords(unread.count) : 'Newest lines'}
        </button>
      )}
    </div>
  )
}

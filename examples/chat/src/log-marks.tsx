import type { RoomSession } from './room-session.js'
import { dayWords, gapWords } from './rows.js'
import type { GapLine } from './timeline.js'

export const DayRow = ({ timeMs }: { readonly timeMs: number }) => (
  <h2 class="day">
    <span>{dayWords(timeMs, Date.now())}</span>
  </h2>
)

/** Where lines are missing. */
export const GapRow = ({ gap, session }: { readonly gap: GapLine; readonly session: RoomSession }) => (
  <div class="gap" role="note">
    <span>{gapWords(gap)}</span>
    {gap.fillable && (
      <button type="button" class="link" disabled={gap.filling} onClick={() => void session.history.loadGap(gap.key)}>
        {gap.filling ? 'Loading…' : 'Load what there is'}
      </button>
    )}
  </div>
)

/** What stands above the oldest line. */
export function LogStart({ session }: { readonly session: RoomSession }) {
  const { room, timeline, isReady, refusal } = session
  const { beginning } = session.history
  if (refusal !== undefined) return <p class="log-start">This room cannot be read: {refusal}</p>
  if (!isReady || beginning === 'loading') {
    return <p class="log-start">{timeline.isEmpty ? 'Loading…' : 'Loading older lines…'}</p>
  }
  if (beginning === 'failed') {
    return (
      <p class="log-start">
        Older lines could not be loaded.{' '}
        <button type="button" class="link" onClick={() => void session.history.loadOlder()}>
          Try again
        </button>
      </p>
    )
  }
  if (beginning === 'unknown') {
    return (
      <p class="log-start">
        <button type="button" class="link" onClick={() => void session.history.loadOlder()}>
          Load older lines
        </button>
      </p>
    )
  }
  if (beginning === 'lost') return <p class="log-start">The server has no older lines any more.</p>
  if (timeline.isEmpty) {
    return (
      <div class="empty">
        <span class="mark large" aria-hidden="true" />
        <p class="empty-title">It is quiet in #{room}</p>
        <p>Write the first line. Open this page in a second tab, with another name, to answer yourself.</p>
      </div>
    )
  }
  return (
    <p class="log-start">
      <strong>Beginning of the history</strong>
      <span>This room keeps its lines for 7 days.</span>
    </p>
  )
}

import { useEffect, useRef, useState } from 'preact/hooks'
import type { RoomSession } from './room-session.js'
import type { Line } from './timeline.js'

const KEPT_LINES = 3
const KEPT_MS = 8000

/**
 * Reads new lines by others to screen readers. Apart from the visible log, because older lines that are loaded into that
 * must not be read out; and cleared soon, so that nobody walks into the same lines twice.
 */
export function Announcer({ session }: { readonly session: RoomSession }) {
  const { latest } = session
  const [lines, setLines] = useState<readonly Line[]>([])
  const timer = useRef<ReturnType<typeof setTimeout>>()
  useEffect(() => {
    if (latest === undefined) return
    setLines((before) => [...before, latest].slice(-KEPT_LINES))
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setLines([]), KEPT_MS)
  }, [latest])
  useEffect(() => () => clearTimeout(timer.current), [])
  return (
    <div role="log" aria-live="polite" aria-relevant="additions" aria-label="New lines" class="visually-hidden">
      {lines.map(({ key, author, text }) => (
        <p key={key}>
          {author}: {text}
        </p>
      ))}
    </div>
  )
}

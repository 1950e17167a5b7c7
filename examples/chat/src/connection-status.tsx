import { useEffect, useState } from 'preact/hooks'
import { connectionAnnouncement, connectionWords } from './connection-words.js'
import type { RoomSession } from './room-session.js'

interface StatusProps {
  readonly session: RoomSession
  readonly changeIdentity: () => void
}

const TICK_MS = 250

/** The page's clock, running only while somebody counts down by it. */
const useNow = (isRunning: boolean): number => {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isRunning) return undefined
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), TICK_MS)
    return () => clearInterval(timer)
  }, [isRunning])
  return now
}

/** The state of the connection in words. It always takes one line, so that nothing moves when it changes. */
export function ConnectionStatus({ session, changeIdentity }: StatusProps) {
  const { connection, wasConnected } = session
  const now = useNow(connection.kind === 'waiting')
  return (
    <div class="status" data-kind={connection.kind}>
      <span class="dot" aria-hidden="true" />
      <span class="status-words" aria-hidden="true" title={connection.kind === 'closed' ? connection.why : undefined}>
        {connectionWords(connection, now)}
        {connection.kind === 'closed' && `: ${connection.why}`}
      </span>
      <span role="status" class="visually-hidden">
        {connectionAnnouncement(connection, wasConnected)}
      </span>
      {connection.kind === 'waiting' && (
        <button type="button" class="link" onClick={() => session.tryNow()}>
          Try now
        </button>
      )}
      {connection.kind === 'closed' && (
        <button
          type="button"
          class="link"
          onClick={() => (connection.isNameRefused ? changeIdentity() : location.reload())}
        >
          {connection.isNameRefused ? 'Change name' : 'Reload'}
        </button>
      )}
    </div>
  )
}

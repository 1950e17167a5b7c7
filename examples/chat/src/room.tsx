import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Announcer } from './announcer.js'
import { Composer } from './composer.js'
import { ConnectionStatus } from './connection-status.js'
import { PeopleIcon } from './icons.js'
import { Log } from './log.js'
import { PeopleDrawer, PeopleList } from './people-list.js'
import { Picture } from './picture.js'
import type { RoomSession } from './room-session.js'
import { titleWords } from './unread.js'
import { useChanges } from './use-changes.js'

interface RoomProps {
  readonly session: RoomSession
  readonly changeIdentity: () => void
}

/** Counts what comes while the page is hidden, and says so in its title. */
const useAttention = (session: RoomSession): void => {
  const { room, unread } = session
  useEffect(() => {
    const look = (): void => session.look({ isVisible: document.visibilityState === 'visible' })
    look()
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [session])
  // With what the page shows, not a frame later: a hidden page may wait a second for its frame.
  useLayoutEffect(() => {
    document.title = titleWords(room, unread.count)
  }, [room, unread.count])
}

export function Room({ session, changeIdentity }: RoomProps) {
  useChanges(session)
  useAttention(session)
  const [isDrawerOpen, setDrawerOpen] = useState(false)
  const composer = useRef<HTMLTextAreaElement>(null)
  const toEnd = useRef<() => void>(() => undefined)
  const { room, name, people } = session
  const peopleWords = people.length === 1 ? '1 person here' : `${people.length} people here`

  return (
    <div class="frame">
      <header class="bar">
        <span class="mark" aria-hidden="true" />
        <div class="heading">
          <h1>
            <span aria-hidden="true">#</span>
            {room}
          </h1>
          <ConnectionStatus session={session} changeIdentity={changeIdentity} />
        </div>
        <button type="button" class="quiet people-button" aria-haspopup="dialog" onClick={() => setDrawerOpen(true)}>
          <PeopleIcon />
          <span aria-hidden="true">{people.length}</span>
          <span class="visually-hidden">{peopleWords}</span>
        </button>
        <button
          type="button"
          class="quiet me"
          aria-haspopup="dialog"
          onClick={changeIdentity}
          title="Change name or room"
          aria-label={`${name}: change name or room`}
        >
          <Picture name={name} />
          <span class="me-name">{name}</span>
        </button>
      </header>
      <main class="room">
        <Log session={session} end={toEnd} toComposer={() => composer.current?.focus()} />
        <Composer session={session} field={composer} toEnd={() => toEnd.current()} />
      </main>
      <aside class="people-side" aria-label="People here">
        <h2>{peopleWords}</h2>
        <PeopleList people={people} me={name} />
      </aside>
      {isDrawerOpen && (
        <PeopleDrawer words={peopleWords} people={people} me={name} close={() => setDrawerOpen(false)} />
      )}
      <Announcer session={session} />
    </div>
  )
}

import { useEffect, useRef, useState } from 'preact/hooks'
import { hashOf, roomOf, storedName, storeName } from './identity.js'
import { IdentityDialog } from './identity-dialog.js'
import { Room } from './room.js'
import { RoomSession } from './room-session.js'

/** A tab keeps its name; a new tab begins with the name that was used last. */
const rememberedName = (): string | undefined => storedName(() => sessionStorage) ?? storedName(() => localStorage)

const remember = (name: string): void => {
  storeName(() => sessionStorage, name)
  storeName(() => localStorage, name)
}

/** Sessions that were left while their lines were not settled yet are found again when somebody comes back. */
const useSession = (name: string | undefined, room: string): RoomSession | undefined => {
  const sessions = useRef(new Map<string, RoomSession>())
  const [session, setSession] = useState<RoomSession>()
  useEffect(() => {
    if (name === undefined) return undefined
    const key = `${room} ${name}`
    const kept = sessions.current.get(key)
    const current = kept?.isClosed === false ? kept : new RoomSession({ url: '/ws', name, room })
    sessions.current.set(key, current)
    current.revive()
    setSession(current)
    return () => current.retire()
  }, [name, room])
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent): void => {
      if ([...sessions.current.values()].some(({ timeline }) => timeline.locals.isSending)) event.preventDefault()
    }
    addEventListener('beforeunload', warn)
    return () => removeEventListener('beforeunload', warn)
  }, [])
  return session?.room === room && session.name === name ? session : undefined
}

export function App() {
  const [name, setName] = useState(rememberedName)
  const [room, setRoom] = useState(() => roomOf(location))
  const [isAsking, setAsking] = useState(name === undefined)
  const session = useSession(name, room)

  useEffect(() => {
    const follow = (): void => setRoom(roomOf(location))
    addEventListener('hashchange', follow)
    return () => removeEventListener('hashchange', follow)
  }, [])

  const change = (newName: string, newRoom: string): void => {
    remember(newName)
    setName(newName)
    if (newRoom !== room) location.hash = hashOf(newRoom)
    setAsking(false)
  }

  return (
    <>
      {session !== undefined && (
        <Room key={`${session.room} ${session.name}`} session={session} changeIdentity={() => setAsking(true)} />
      )}
      {isAsking && <IdentityDialog name={name} room={room} change={change} cancel={() => setAsking(false)} />}
    </>
  )
}

import type { TargetedEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { cleanName, cleanRoom, nameProblem } from './identity.js'
import { MAX_NAME_LENGTH } from './limits.js'
import { useModal } from './use-modal.js'

interface IdentityDialogProps {
  /** undefined: there is none yet, and there is no way around giving one. */
  readonly name: string | undefined
  readonly room: string
  readonly change: (name: string, room: string) => void
  readonly cancel: () => void
}

/** Asks who somebody is and where they want to be. */
export function IdentityDialog({ name, room, change, cancel }: IdentityDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const nameField = useRef<HTMLInputElement>(null)
  const [newName, setNewName] = useState(name ?? '')
  const [newRoom, setNewRoom] = useState(room)
  const [problem, setProblem] = useState<string>()
  useModal(dialog)
  useEffect(() => nameField.current?.select(), [])

  const submit = (event: TargetedEvent<HTMLFormElement>): void => {
    event.preventDefault()
    const cleaned = cleanName(newName)
    const found = nameProblem(cleaned)
    setProblem(found)
    if (found === undefined) change(cleaned, cleanRoom(newRoom))
    else nameField.current?.focus()
  }

  return (
    <dialog
      ref={dialog}
      class={name === undefined ? 'card first' : 'card'}
      aria-labelledby="identity-title"
      closedby={name === undefined ? 'none' : 'closerequest'}
      onCancel={(event) => name === undefined && event.preventDefault()}
      // Browsers that do not know `closedby` let a second Escape through.
      onClose={() => (name === undefined ? dialog.current?.isConnected && dialog.current.showModal() : cancel())}
    >
      <form onSubmit={submit} noValidate>
        <span class="mark large" aria-hidden="true" />
        <h2 id="identity-title">{name === undefined ? 'Welcome' : 'Name and room'}</h2>
        {name === undefined && <p class="lead">Pick a name, and you are in. There is nothing to sign up for.</p>}
        <label for="identity-name">Your name</label>
        <input
          ref={nameField}
          id="identity-name"
          value={newName}
          onInput={(event) => setNewName(event.currentTarget.value)}
          maxLength={MAX_NAME_LENGTH}
          autocomplete="nickname"
          autocapitalize="off"
          spellcheck={false}
          placeholder="ann"
          aria-invalid={problem !== undefined}
          aria-describedby="identity-problem"
          autofocus
        />
        <p id="identity-problem" class="problem" role="alert">
          {problem}
        </p>
        <label for="identity-room">Room</label>
        <input
          id="identity-room"
          value={newRoom}
          onInput={(event) => setNewRoom(event.currentTarget.value)}
          maxLength={48}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
        />
        <p class="hint">Everybody who opens the same room talks together.</p>
        <div class="actions">
          {name !== undefined && (
            <button type="button" class="plain" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          )}
          <button type="submit" class="primary">
            {name === undefined ? 'Join the room' : 'Save'}
          </button>
        </div>
      </form>
    </dialog>
  )
}

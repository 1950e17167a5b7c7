import { useRef } from 'preact/hooks'
import { CloseIcon } from './icons.js'
import type { Person } from './people.js'
import { Picture } from './picture.js'
import { useModal } from './use-modal.js'

interface PeopleProps {
  readonly people: readonly Person[]
  readonly me: string
}

export const PeopleList = ({ people, me }: PeopleProps) => (
  <ul class="people">
    {people.map(({ name, count }) => (
      <li key={name}>
        <Picture name={name} />
        <span class="person" title={name}>
          {name}
        </span>
        {name === me && <span class="tag">you</span>}
        {count > 1 && <span class="tag">{count} tabs</span>}
      </li>
    ))}
  </ul>
)

/** The people on a narrow screen. Escape or a touch beside it closes it. */
export const PeopleDrawer = ({
  words,
  people,
  me,
  close,
}: PeopleProps & { readonly words: string; readonly close: () => void }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useModal(dialog)
  return (
    <dialog
      ref={dialog}
      class="drawer"
      aria-labelledby="drawer-title"
      onClose={close}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="drawer-inside">
        <header>
          <h2 id="drawer-title">{words}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={() => dialog.current?.close()}>
            <CloseIcon />
          </button>
        </header>
        <PeopleList people={people} me={me} />
      </div>
    </dialog>
  )
}

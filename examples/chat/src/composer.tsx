import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { SendIcon } from './icons.js'
import { MAX_TEXT_LENGTH } from './limits.js'
import type { RoomSession } from './room-session.js'
import { typingWords } from './typists.js'

/** Left characters are counted from here on. */
const NEAR_LIMIT = 200

interface ComposerProps {
  readonly session: RoomSession
  readonly field: RefObject<HTMLTextAreaElement>
  readonly toEnd: () => void
}

const lengthWords = (left: number): string => (left >= 0 ? `${left} characters left` : `${-left} characters too many`)

/** An Enter this soon after an input method's end is the one that ended it: Safari tells them in that order. */
const COMPOSED_MS = 50

/** Tells the Enter that chooses a word in an input method, and sends nothing, from the one that sends. */
const useComposition = () => {
  const endedAt = useRef(-Infinity)
  return {
    onCompositionEnd: ({ timeStamp }: Event): void => {
      endedAt.current = timeStamp
    },
    isComposing: ({ isComposing, timeStamp }: KeyboardEvent): boolean =>
      isComposing || timeStamp - endedAt.current < COMPOSED_MS,
  }
}

export function Composer({ session, field, toEnd }: ComposerProps) {
  const [text, setText] = useState('')
  const { typing, connection, room } = session
  const { onCompositionEnd, isComposing } = useComposition()
  const left = MAX_TEXT_LENGTH - text.trim().length
  const isAway = connection.kind !== 'connected' && connection.kind !== 'connecting'
  const isSendable = text.trim() !== '' && left >= 0

  useEffect(() => {
    // On a touch screen the keyboard would cover the room before anybody asked for it.
    if (matchMedia('(pointer: fine)').matches) field.current?.focus()
  }, [field])
  useLayoutEffect(() => {
    const element = field.current
    if (element === null) return
    element.style.height = 'auto'
    element.style.height = `${element.scrollHeight}px`
  }, [field, text])

  const send = (): void => {
    if (!isSendable) return
    session.send(text.trim())
    setText('')
    field.current?.focus()
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <p class="typing">{typingWords(typing.names)}</p>
      <div class="field">
        <label for="line" class="visually-hidden">
          Write to {room}
        </label>
        <textarea
          ref={field}
          id="line"
          rows={1}
          placeholder={`Write to #${room}`}
          enterkeyhint="send"
          aria-describedby="line-hint line-left"
          aria-invalid={left < 0}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value)
            typing.typed(event.currentTarget.value.trim() === '')
          }}
          onCompositionEnd={onCompositionEnd}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && !isComposing(event)) toEnd()
            if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
            event.preventDefault()
            send()
          }}
        />
        <button type="submit" class="primary send" disabled={!isSendable} aria-label="Send">
          <SendIcon />
        </button>
      </div>
      <div class="below">
        <span id="line-hint" class={isAway ? undefined : 'keys'}>
          {isAway ? 'Delivered when the connection is back' : 'Enter sends, Shift+Enter begins a new line'}
        </span>
        <span id="line-left" class={left < 0 ? 'left too-many' : 'left'} role="status">
          {left <= NEAR_LIMIT && lengthWords(left)}
        </span>
      </div>
    </form>
  )
}

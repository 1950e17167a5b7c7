import type { ComponentChildren } from 'preact'
import { AlertIcon, CheckIcon, ClockIcon } from './icons.js'
import { hueOf } from './identity.js'
import { partsOf } from './links.js'
import type { LocalLine } from './local-lines.js'
import { Picture } from './picture.js'
import type { Line } from './timeline.js'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })

/** Without the half of the day, for the narrow column beside a line: the line above says it. */
const shortClock = (timeMs: number): string =>
  clock
    .formatToParts(timeMs)
    .map(({ type, value }) => (type === 'dayPeriod' ? '' : value))
    .join('')
    .trim()

const Time = ({ timeMs, isShort }: { readonly timeMs: number; readonly isShort: boolean }) => (
  <time dateTime={new Date(timeMs).toISOString()} title={full.format(timeMs)}>
    {isShort ? shortClock(timeMs) : clock.format(timeMs)}
  </time>
)

const Text = ({ text }: { readonly text: string }) => (
  <p class="text" dir="auto">
    {partsOf(text).map((part) =>
      part.kind === 'text' ? (
        part.text
      ) : (
        <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
          {part.text}
        </a>
      ),
    )}
  </p>
)

interface FrameProps {
  readonly author: string
  readonly isMine: boolean
  readonly opens: boolean
  readonly state?: string
  /** What stands where the time stands. */
  readonly time: ComponentChildren
  readonly tag?: string
  readonly children: ComponentChildren
}

/** The first line of a group shows who it is; the others say so to screen readers only. */
const Frame = ({ author, isMine, opens, state, time, tag, children }: FrameProps) => (
  <article class={`line${opens ? ' opens' : ''}${isMine ? ' mine' : ''}${state === undefined ? '' : ` ${state}`}`}>
    {opens && <Picture name={author} />}
    <header>
      <span class={opens ? `author hue-${hueOf(author)}` : 'author visually-hidden'}>{author}</span>
      {opens && isMine && <span class="tag">you</span>}
      {opens && tag !== undefined && <span class="tag">{tag}</span>}
      {time}
    </header>
    {children}
  </article>
)

export const DeliveredLine = ({ line, opens }: { readonly line: Line; readonly opens: boolean }) => (
  <Frame
    author={line.author}
    isMine={line.isMine}
    opens={opens}
    time={<Time timeMs={line.timeMs} isShort={!opens} />}
    {...(line.isVerified ? undefined : { tag: 'not verified' })}
  >
    <Text text={line.text} />
  </Frame>
)

const STATES = {
  sending: { icon: <ClockIcon />, words: 'sending' },
  waiting: { icon: <ClockIcon />, words: 'waiting' },
  stored: { icon: <CheckIcon />, words: 'sent' },
  rejected: { icon: <AlertIcon />, words: 'not sent' },
  unknown: { icon: <AlertIcon />, words: 'not sure' },
} as const

interface OwnLineProps {
  readonly line: LocalLine
  readonly opens: boolean
  readonly me: string
  readonly isConnected: boolean
  readonly sendAgain: () => void
  readonly discard: () => void
}

/** One's own line before it is delivered. It has the size of a delivered one, so that nothing moves then. */
export const OwnLine = ({ line, opens, me, isConnected, sendAgain, discard }: OwnLineProps) => {
  const state = line.status === 'sending' && !isConnected ? 'waiting' : line.status
  const { icon, words } = STATES[state]
  return (
    <Frame
      author={me}
      isMine
      opens={opens}
      state={state}
      time={
        <span class="state" title={words}>
          {icon}
          <span class={opens ? undefined : 'visually-hidden'}>{words}</span>
        </span>
      }
    >
      <Text text={line.text} />
      {line.why !== undefined && (
        <p class="verdict">
          <span role="alert">
            {line.status === 'rejected' && 'Not sent. '}
            {line.why}
            {line.status === 'unknown' && ' If you send it again, it may appear twice.'}
          </span>{' '}
          <button type="button" class="link" onClick={sendAgain}>
            Send again
          </button>{' '}
          <button type="button" class="link" onClick={discard}>
            Delete
          </button>
        </p>
      )}
    </Frame>
  )
}

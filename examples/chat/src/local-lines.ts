import type { Position, PublishResult } from '@tidings/client'

/** Where the server stored an own line. */
export interface Stored {
  readonly offset: number
  readonly position: Position
  readonly timeMs: number
}

/**
 * - `sending`: the SDK keeps trying
 * - `stored`: acknowledged; its delivery by the subscription follows
 * - `rejected`: certainly not stored
 * - `unknown`: it may have been stored or not
 */
export type LocalStatus = 'sending' | 'stored' | 'rejected' | 'unknown'

/** An own line that the subscription has not delivered yet. */
export interface LocalLine {
  readonly kind: 'local'
  readonly id: string
  readonly text: string
  /** By the page's own clock. */
  readonly timeMs: number
  readonly status: LocalStatus
  /** With `rejected` and `unknown`. */
  readonly why?: string
  readonly stored?: Stored
}

type StoredLine = LocalLine & { readonly stored: Stored }

const isStored = (line: LocalLine): line is StoredLine => line.stored !== undefined

/** One's own lines until they are delivered or given up, in the order they were written, by publication id. */
export class LocalLines {
  readonly #lines = new Map<string, LocalLine>()
  #list: readonly LocalLine[] = []

  get list(): readonly LocalLine[] {
    return this.#list
  }

  /** Whether leaving now could lose something. */
  get isUnsettled(): boolean {
    return this.#list.some(({ status }) => status !== 'stored')
  }

  get isSending(): boolean {
    return this.#list.some(({ status }) => status === 'sending')
  }

  add(id: string, text: string, timeMs: number): void {
    this.#lines.set(id, { kind: 'local', id, text, timeMs, status: 'sending' })
    this.#changed()
  }

  /** The result of the publish. A line that was delivered before it is not there any more, and stays so. */
  settle(id: string, result: PublishResult): void {
    const line = this.#lines.get(id)
    if (line === undefined) return
    this.#lines.set(
      id,
      result.ok ? { ...line, status: 'stored', stored: storedOf(result) } : { ...line, ...failure(result.error) },
    )
    this.#changed()
  }

  /** Removes and gives back a line: it was delivered, deleted, or is written again. */
  remove(id: string): LocalLine | undefined {
    const line = this.#lines.get(id)
    if (this.#lines.delete(id)) this.#changed()
    return line
  }

  /** Takes out what was stored before an offset without having been delivered, in log order. */
  storedBefore(offset: number): readonly StoredLine[] {
    const passed = this.#list.filter(isStored).filter((line) => line.stored.offset < offset)
    for (const { id } of passed) this.remove(id)
    return passed.sort((a, b) => a.stored.offset - b.stored.offset)
  }

  #changed(): void {
    this.#list = [...this.#lines.values()]
  }
}

const storedOf = ({ offset, position, time }: Extract<PublishResult, { ok: true }>): Stored => ({
  offset,
  position,
  timeMs: time,
})

const failure = ({
  code,
  message,
}: Extract<PublishResult, { ok: false }>['error']): { status: LocalStatus; why: string } =>
  code === 'outcome-unknown'
    ? { status: 'unknown', why: 'The connection broke at the wrong moment: nobody can tell whether this line arrived.' }
    : { status: 'rejected', why: rejectionWords(code, message) }

const rejectionWords = (code: string, message: string): string => {
  switch (code) {
    case 'forbidden':
      return 'You may not write here.'
    case 'payload-too-large':
      return 'It is too long for the server.'
    case 'queue-full':
      return 'Too many lines are waiting already.'
    case 'closed':
      return 'The connection was closed before it was sent.'
    default:
      return message
  }
}

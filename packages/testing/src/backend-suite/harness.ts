import type {
  Backend,
  Log,
  LogChannel,
  NewPublication,
  Page,
  PublishResult,
  ReadRequest,
  StoredPublication,
} from '@tidings/server'
import { BackendError } from '@tidings/server'
import type { Durability, Gap } from '@tidings/protocol'
import { expect } from 'vitest'
import { FakeClock } from '../fake-clock.js'

/** One backend for one test. The suite closes it. */
export interface BackendInstance {
  /** Opened. */
  readonly backend: Backend
  /** Closes the backend and opens another one over the same data. */
  readonly reopen?: () => Promise<Backend>
  /** Removes what the backend left behind, after it was closed. */
  readonly dispose?: () => Promise<void>
}

export interface BackendSubject {
  /** A fresh backend. It uses `clock` if `fakeClock` says so. */
  readonly create: (clock: FakeClock) => Promise<BackendInstance>
  /** Of the channels the suite makes. */
  readonly durability: Durability
  /** What `log.notices` promises. */
  readonly notices: Log['notices']
  /** Whether `create` gives the backend its clock: the tests that move time need it. */
  readonly fakeClock: boolean
  /** Whether what was published is there after `reopen`. */
  readonly durable: boolean
  /** Whether offsets are contiguous, so that gaps count what is missing. */
  readonly contiguous: boolean
}

const PAGE: Pick<ReadRequest, 'limit' | 'maxBytes'> = { limit: 1000, maxBytes: 16 * 1024 * 1024 }
const MAX_ATTEMPTS = 200

let channels = 0
let ids = 0

/** What the tests of the suite work with. */
export class Harness {
  readonly subject: BackendSubject
  #instance: BackendInstance | undefined
  #backend: Backend | undefined
  #clock = new FakeClock()

  constructor(subject: BackendSubject) {
    this.subject = subject
  }

  get backend(): Backend {
    if (this.#backend === undefined) throw new Error('the harness was not set up')
    return this.#backend
  }

  get log(): Log {
    return this.backend.log
  }

  get clock(): FakeClock {
    return this.#clock
  }

  async setUp(): Promise<void> {
    this.#clock = new FakeClock()
    this.#instance = await this.subject.create(this.#clock)
    this.#backend = this.#instance.backend
  }

  async tearDown(): Promise<void> {
    await this.#backend?.close()
    await this.#instance?.dispose?.()
    this.#backend = undefined
    this.#instance = undefined
  }

  async reopen(): Promise<void> {
    if (this.#instance?.reopen === undefined) throw new Error('this subject cannot reopen')
    this.#backend = await this.#instance.reopen()
  }

  /** A channel of its own. */
  channel(rules: Partial<LogChannel> = {}): LogChannel {
    channels += 1
    return {
      name: `suite:${channels}`,
      durability: this.subject.durability,
      history: { maxCount: 10_000 },
      dedupeWindowMs: 120_000,
      ...rules,
    }
  }

  newPublication(payload: string | Uint8Array, fields: Partial<NewPublication> = {}): NewPublication {
    ids += 1
    return { id: `id-${ids}`, scope: 'user:ada', publisher: 'ada', payload, ...fields }
  }

  /** Publishes, with the same id again for as long as the backend is unavailable. */
  async publish(
    channel: LogChannel,
    payload: string | Uint8Array,
    fields: Partial<NewPublication> = {},
  ): Promise<PublishResult> {
    const publication = this.newPublication(payload, fields)
    return this.retry(() => this.log.publish(channel, publication))
  }

  async publishAll(channel: LogChannel, payloads: readonly string[]): Promise<PublishResult[]> {
    const results: PublishResult[] = []
    for (const payload of payloads) results.push(await this.publish(channel, payload))
    return results
  }

  async retry<Result>(call: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await call()
      } catch (error) {
        const again = error instanceof BackendError && error.code === 'unavailable' && attempt < MAX_ATTEMPTS
        if (!again) throw error
      }
    }
  }

  read(channel: LogChannel, request: Partial<ReadRequest> = {}): Promise<Page> {
    return this.retry(() => this.log.read(channel, { direction: 'forward', ...PAGE, ...request }))
  }

  /** Reads page by page to the end. Fails if the pages do not join, or if offsets are not in the read's order. */
  async readAll(
    channel: LogChannel,
    request: Partial<ReadRequest> = {},
  ): Promise<{ readonly publications: StoredPublication[]; readonly gaps: Gap[] }> {
    const publications: StoredPublication[] = []
    const gaps: Gap[] = []
    let page = await this.read(channel, request)
    for (;;) {
      publications.push(...page.publications)
      if (page.gap !== null) gaps.push(page.gap)
      const last = page.publications.at(-1)
      if (last !== undefined) expect(page.end).toEqual({ position: last.position, offset: last.offset })
      if (!page.more) break
      page = await this.read(channel, { ...request, from: page.end.position })
    }
    expectOrdered(publications, request.direction ?? 'forward')
    return { publications, gaps }
  }

  /** The payloads from a position (or the oldest) to the tail. */
  async payloads(channel: LogChannel, request: Partial<ReadRequest> = {}): Promise<(string | Uint8Array)[]> {
    const { publications } = await this.readAll(channel, request)
    return publications.map(({ payload }) => payload)
  }

  async tail(channel: LogChannel): Promise<{ readonly position: string; readonly offset: number }> {
    const [cursor] = await this.retry(() => this.log.tails([channel]))
    if (cursor === undefined) throw new Error('tails() left out a channel')
    return cursor
  }

  /** What a gap may say is missing: backends with sparse offsets may not know. */
  expectMissed(gap: Gap | null | undefined, missed: number): void {
    if (this.subject.contiguous) expect(gap?.missed).toBe(missed)
    else expect([null, missed]).toContain(gap?.missed)
  }
}

const expectOrdered = (publications: readonly StoredPublication[], direction: ReadRequest['direction']): void => {
  const sign = direction === 'forward' ? 1 : -1
  for (const [index, publication] of publications.entries()) {
    const next = publications[index + 1]
    if (next === undefined) continue
    expect((next.offset - publication.offset) * sign).toBeGreaterThan(0)
    expect((next.time - publication.time) * sign).toBeGreaterThanOrEqual(0)
  }
}

/** The numbers from 1 as payloads. */
export const numbers = (count: number, from = 1): string[] =>
  Array.from({ length: count }, (_, index) => String(from + index))

/** The BackendError code that a call rejects with. */
export const rejection = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call
  } catch (error) {
    if (error instanceof BackendError) return error.code
    throw error
  }
  return 'none'
}

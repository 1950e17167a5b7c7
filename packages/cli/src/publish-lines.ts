import { setTimeout as sleep } from 'node:timers/promises'
import { type Channel, type Failure, type PublishOptions, type PublishResult, TidingsError } from '@tidings/client'
import { sentenceOf } from './exit.js'
import { type Line, readLines } from './lines.js'

export interface PublishLinesParts {
  readonly channel: Pick<Channel, 'publish'>
  readonly input: AsyncIterable<Uint8Array>
  /** Each line is a string of its own, in place of JSON. */
  readonly isText: boolean
  /** Publications a second; undefined: as fast as the server takes them. */
  readonly rate: number | undefined
  readonly options: PublishOptions
  /** Aborting it ends the reading; what is under way is waited for. */
  readonly stop: AbortSignal
  /** Told of what was not published, with the line's number. */
  rejected(lineNumber: number, failure: Pick<Failure, 'code' | 'message'>): void
  progress(counts: LineCounts, bytesRead: number): void
}

export interface LineCounts {
  published: number
  rejected: number
  /** Sent, and never acknowledged. */
  unknown: number
}

export const MAX_IN_FLIGHT = 256
const MAX_LINE_BYTES = 16 * 1024 * 1024
/** How much of a pause may be made up for at once. */
const RATE_SLACK_MS = 50

/** Publishes one line after the other, and resolves once each has its outcome. Rejects when `input` cannot be read. */
export const publishLines = async (parts: PublishLinesParts): Promise<LineCounts> => {
  const counts: LineCounts = { published: 0, rejected: 0, unknown: 0 }
  const pace = pacer(parts.rate, parts.stop)
  let inFlight = 0
  let settled: () => void = () => undefined
  const atMost = async (limit: number): Promise<void> => {
    while (inFlight > limit) {
      await new Promise<void>((resolve) => {
        settled = resolve
      })
    }
  }
  const publish = async (line: Line): Promise<void> => {
    inFlight += 1
    const result = await publishLine(parts, line)
    inFlight -= 1
    count(parts, counts, line, result)
    settled()
  }

  try {
    for await (const line of readLines(parts.input, MAX_LINE_BYTES)) {
      if ('text' in line && line.text.trim() === '' && !parts.isText) continue
      await pace()
      if (parts.stop.aborted) break
      void publish(line)
      await atMost(MAX_IN_FLIGHT - 1)
    }
  } catch (error) {
    if (!parts.stop.aborted) throw error
  } finally {
    await atMost(0)
  }
  return counts
}

const failure = (code: Failure['code'], message: string): PublishResult => ({
  ok: false,
  error: { code, message, retryable: false },
})

/** Never rejects. */
const publishLine = async ({ channel, isText, options }: PublishLinesParts, line: Line): Promise<PublishResult> => {
  if ('problem' in line) return failure('bad-payload', line.problem)
  const data = parseData(line.text, isText)
  if (data === undefined) return failure('bad-payload', 'it is not JSON')
  try {
    return await channel.publish(data.value, options)
  } catch (error) {
    return failure(error instanceof TidingsError ? error.code : 'bad-payload', sentenceOf(error))
  }
}

/** undefined: the text is not JSON. */
export const parseData = (text: string, isText: boolean): { readonly value: unknown } | undefined => {
  if (isText) return { value: text }
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

const count = (parts: PublishLinesParts, counts: LineCounts, line: Line, result: PublishResult): void => {
  if (result.ok) {
    counts.published += 1
  } else {
    if (result.error.code === 'outcome-unknown') counts.unknown += 1
    else counts.rejected += 1
    parts.rejected(line.number, result.error)
  }
  parts.progress(counts, line.bytesRead)
}

/** Resolves when the next publication may go: evenly, without bursts after a pause of the input. */
const pacer = (rate: number | undefined, stop: AbortSignal): (() => Promise<void>) => {
  if (rate === undefined) return () => Promise.resolve()
  let nextMs = performance.now()
  return async () => {
    const waitMs = nextMs - performance.now()
    nextMs = Math.max(nextMs, performance.now() - RATE_SLACK_MS) + 1000 / rate
    if (waitMs > 0) await sleep(waitMs, undefined, { signal: stop })
  }
}

import cliProgress from 'cli-progress'

/** Where a long publish is. Sentences that come in between must go through `note`. */
export interface Progress {
  readonly update: (published: number, bytesRead: number) => void
  readonly note: (sentence: string) => void
  readonly stop: () => void
}

export interface ProgressPlace {
  /** Standard error. */
  readonly stream: NodeJS.WriteStream
  /** A bar would stand in what somebody types. */
  readonly isTypedInput: boolean
  /** undefined: the input has no known end. */
  readonly totalBytes: number | undefined
  readonly notice: (sentence: string) => void
}

const WITH_END = '{bar} {percentage}% | {published} published | {rate}/s | {eta_formatted} left'
const WITHOUT_END = '{published} published | {rate}/s | {duration_formatted}'

/** A bar on a terminal; elsewhere nothing but the notes. */
export const showProgress = ({ stream, isTypedInput, totalBytes, notice }: ProgressPlace): Progress => {
  if (!stream.isTTY || isTypedInput) return { update: () => undefined, note: notice, stop: () => undefined }
  const bar = new cliProgress.SingleBar({
    stream,
    format: totalBytes === undefined ? WITHOUT_END : WITH_END,
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 100,
  })
  const startMs = performance.now()
  bar.start(totalBytes ?? 0, 0, { published: 0, rate: 0 })
  return {
    update: (published, bytesRead) => {
      const seconds = Math.max(0.001, (performance.now() - startMs) / 1000)
      bar.update(totalBytes === undefined ? published : bytesRead, { published, rate: Math.round(published / seconds) })
    },
    note: (sentence) => {
      stream.write('\r\u001b[K')
      notice(sentence)
    },
    stop: () => bar.stop(),
  }
}

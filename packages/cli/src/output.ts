import { once } from 'node:events'

// JSON escapes the C0 controls; terminals also act on DEL and the C1 controls.
const CONTROLS = /[\u007f-\u009f]/g
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}]/gu

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

/** One line of JSON that a terminal shows as it is, whatever remote strings are in it. */
export const jsonLine = (value: unknown): string => `${JSON.stringify(value).replace(CONTROLS, escapeUnit)}\n`

/** One JSON object a line on standard output; resolves when there is room for the next. */
export const writeLine = async (value: unknown): Promise<void> => {
  if (!process.stdout.write(jsonLine(value))) await once(process.stdout, 'drain')
}

/** One sentence on standard error. */
export const notice = (sentence: string): void => {
  process.stderr.write(`${printable(sentence)}\n`)
}

/** Text on one line, without what a terminal would act on. */
export const printable = (text: string): string => text.replace(/\s+/g, ' ').replace(UNPRINTABLE, '\ufffd')

/** Whoever read our output has seen enough (`| head -1`): that is no failure. */
export const endWithReader = (): void => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

/** Resolves when what was written has left the process. */
export const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    if (stream.writable) stream.write('', () => resolve())
    else resolve()
  })

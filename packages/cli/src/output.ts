import { once } from 'node:events'
import { printable, printableJson } from '@tidings/server'

/** One JSON object a line on standard output; resolves when there is room for the next. */
export const writeLine = async (value: unknown): Promise<void> => {
  if (!process.stdout.write(`${printableJson(value)}\n`)) await once(process.stdout, 'drain')
}

/** One sentence on standard error. */
export const notice = (sentence: string): void => {
  process.stderr.write(`${oneLine(sentence)}\n`)
}

/** Text on one line, without anything that a terminal would act on. */
export const oneLine = (text: string): string => printable(text.replace(/\s+/g, ' '))

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

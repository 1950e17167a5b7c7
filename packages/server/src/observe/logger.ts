/** Where a node says what an operator should know. `fields` must be plain data; remote strings go there, never into `text`. */
export interface Logger {
  info(text: string, fields?: Readonly<Record<string, unknown>>): void
  warn(text: string, fields?: Readonly<Record<string, unknown>>): void
  error(text: string, fields?: Readonly<Record<string, unknown>>): void
}

/** What JSON lets stand and a terminal or a reader of lines would act on: DEL, the C1 controls, and two kinds of line ends. */
const ACTIVE = /[\u007f-\u009f\u2028\u2029]/g

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

const line =
  (level: string) =>
  (text: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    const json = JSON.stringify({ time: new Date().toISOString(), level, text, ...fields })
    process.stderr.write(`${json.replace(ACTIVE, escaped)}\n`)
  }

/** Warnings and errors as JSON lines on standard error: JSON escapes whatever remote peers sent. */
export const jsonLogger: Logger = { info: () => undefined, warn: line('warn'), error: line('error') }

/** An error as plain data for a log line. */
export const describeError = (error: unknown): Readonly<Record<string, unknown>> =>
  error instanceof Error ? { error: error.message, name: error.name, stack: error.stack } : { error: String(error) }

const MIN_SECRET_LENGTH = 8

/** The same without the secret, which an error may quote. One that is too short to be a secret is left alone. */
export const withoutSecret = (
  fields: Readonly<Record<string, unknown>>,
  secret: string | undefined,
): Readonly<Record<string, unknown>> => {
  if (secret === undefined || secret.length < MIN_SECRET_LENGTH) return fields
  const clean = (value: unknown): unknown => (typeof value === 'string' ? value.replaceAll(secret, '[token]') : value)
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, clean(value)]))
}

import { printableJson } from './printable.js'

/** Where a node says what an operator should know. `fields` must be plain data; remote strings go there, never into `text`. */
export interface Logger {
  info(text: string, fields?: LogFields): void
  warn(text: string, fields?: LogFields): void
  error(text: string, fields?: LogFields): void
  /** What an operator asks for only when looking for something, such as each client that connects. */
  debug?(text: string, fields?: LogFields): void
}

export type LogFields = Readonly<Record<string, unknown>>

/** From the quietest: each level writes what those before it write, and its own. */
export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

export interface JsonLoggerOptions {
  /** Default `info`. */
  readonly level?: LogLevel
  /** Added to every line. */
  readonly fields?: LogFields
}

/** Writes lines of JSON on standard error: JSON escapes whatever remote peers sent. Never throws, also when nobody reads them. */
export const createJsonLogger = ({ level: most = 'info', fields: own = {} }: JsonLoggerOptions = {}): Logger => {
  const isWritten = (level: LogLevel): boolean => LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(most)
  const line = (level: Exclude<LogLevel, 'silent'>): Logger['info'] => {
    if (!isWritten(level)) return () => undefined
    return (text, fields = {}) => {
      const head = { time: new Date().toISOString(), level, text, ...own }
      // The head comes first for whoever reads the line, and again last because no field may replace it.
      write(printableJson({ ...head, ...fields, ...head }))
    }
  }
  const logger = { info: line('info'), warn: line('warn'), error: line('error') }
  return isWritten('debug') ? { ...logger, debug: line('debug') } : logger
}

const write = (line: string): void => {
  process.stderr.write(`${line}\n`, (error) => {
    // As the console does: a log that nobody reads must not end the process.
    if (error && process.stderr.listenerCount('error') === 0) process.stderr.once('error', () => undefined)
  })
}

/** The default of a node: everything down to `info`. */
export const jsonLogger: Logger = createJsonLogger()

/** An error as plain data for a log line. */
export const describeError = (error: unknown): LogFields =>
  error instanceof Error ? { error: error.message, name: error.name, stack: error.stack } : { error: String(error) }

const MIN_SECRET_LENGTH = 8

/** The same without the secret, which an error may quote. One that is too short to be a secret is left alone. */
export const withoutSecret = (fields: LogFields, secret: string | undefined): LogFields => {
  if (secret === undefined || secret.length < MIN_SECRET_LENGTH) return fields
  const clean = (value: unknown): unknown => (typeof value === 'string' ? value.replaceAll(secret, '[token]') : value)
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, clean(value)]))
}

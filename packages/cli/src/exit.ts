/** What scripts may rely on. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  backendFailed: 70,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/**
 * Ends the command with an exit code, after its sentence was printed on standard error. Without a sentence everything
 * was said already.
 */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, sentence = '') {
    super(sentence)
    this.exitCode = exitCode
  }
}

export const usageError = (sentence: string): CommandError => new CommandError(EXIT.usage, sentence)

/** The first line of what went wrong, without a stack. */
export const sentenceOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message || error.name : String(error)
  return text.split('\n', 1)[0] ?? ''
}

/** The code of a failed system call, such as `EADDRINUSE`. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

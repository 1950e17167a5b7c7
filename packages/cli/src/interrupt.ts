import { EXIT, type ExitCode } from './exit.js'

/** npm passes on a Ctrl-C that its child got from the terminal too: what comes this soon is the same one. */
const SAME_SIGNAL_MS = 500

/** Calls `listener` at the first SIGINT or SIGTERM; another one later ends the process at once. */
export const onInterrupt = (listener: (exitCode: ExitCode) => void): void => {
  let firstMs: number | undefined
  const stop = (exitCode: ExitCode): void => {
    if (firstMs === undefined) {
      firstMs = performance.now()
      listener(exitCode)
    } else if (performance.now() - firstMs > SAME_SIGNAL_MS) {
      process.exit(exitCode)
    }
  }
  process.on('SIGINT', () => stop(EXIT.interrupted))
  process.on('SIGTERM', () => stop(EXIT.terminated))
}

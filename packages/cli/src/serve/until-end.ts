import type { BackendError } from '@tidings/server'
import { onInterrupt } from '../interrupt.js'

/** How long clients may take to leave. */
export const DRAIN_MS = 3000

/** Resolves at the first signal, or with the error when the backend failed. */
export const untilEnd = (failed: Promise<BackendError>): Promise<BackendError | undefined> =>
  new Promise((resolve) => {
    onInterrupt(() => resolve(undefined))
    void failed.then(resolve)
  })

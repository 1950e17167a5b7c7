import { type Backend, BackendError, type Tidings } from '@tidings/server'
import { CommandError, EXIT, sentenceOf } from '../exit.js'
import type { Store } from './settings.js'

/** The backend of the settings; only the one that is used is loaded. It is opened by the node. */
export const makeBackend = async (store: Store): Promise<Backend> => {
  if (store.kind === 'memory') {
    const { memory } = await import('@tidings/server/memory')
    return memory()
  }
  try {
    const { disk } = await import('@tidings/server/disk')
    return disk({ dir: store.dir })
  } catch (error) {
    throw new CommandError(
      EXIT.failure,
      `The disk backend cannot be loaded (${sentenceOf(error)}): install again, or keep everything in memory with --memory.`,
    )
  }
}

/** Rejects with CommandError when the backend cannot be opened. */
export const whenReady = async ({ ready }: Pick<Tidings, 'ready'>, store: Store): Promise<void> => {
  try {
    await ready
  } catch (error) {
    if (error instanceof BackendError) throw new CommandError(EXIT.failure, error.message)
    const place = store.kind === 'disk' ? `The data directory ${store.dir}` : 'The memory backend'
    throw new CommandError(EXIT.failure, `${place} cannot be opened: ${sentenceOf(error)}.`)
  }
}

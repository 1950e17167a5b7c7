import type { BackendError } from '@tidings/server'
import { BackendOwner } from '@tidings/server/remote'
import { CommandError, EXIT, sentenceOf } from '../../exit.js'
import { notice } from '../../output.js'
import { packageVersion } from '../../version.js'
import { greeting } from '../greeting.js'
import { makeBackend, whenReady } from '../open-backend.js'
import { serveLogger } from '../serve-logger.js'
import type { Settings } from '../settings.js'
import { startWarnings } from '../start-warnings.js'
import { DRAIN_MS, untilEnd } from '../until-end.js'
import { Workers } from './workers.js'

/** How long a worker may take to end after its clients have left. */
const END_MS = 1500

/** Owns the log and starts workers that serve it. Ends as a server of one process does, by throwing or at a signal. */
export const ownLog = async (settings: Settings): Promise<void> => {
  const backend = await makeBackend(settings.store)
  const logger = serveLogger(settings.logLevel)
  const owner = new BackendOwner({
    backend,
    failed: (error) => logger.warn('presence entries could not be removed', { error: sentenceOf(error) }),
  })
  let resolveFailed: (error: BackendError) => void = () => undefined
  const failed = new Promise<BackendError>((resolve) => (resolveFailed = resolve))
  const fail = (error: BackendError): void => {
    // At once: clients are told of the end before they are answered that something failed.
    owner.fail(error)
    resolveFailed(error)
  }
  await whenReady({ ready: backend.open(fail) }, settings.store)
  const workers = new Workers({ count: settings.workers, backend, owner, logger })
  const end = untilEnd(failed)
  try {
    const ports = await Promise.race([workers.start(), end])
    if (ports !== undefined && 'port' in ports) {
      process.stdout.write(greeting(settings, ports, packageVersion()))
      for (const sentence of startWarnings(settings)) logger.warn(sentence)
    }
  } catch (error) {
    await workers.leave(END_MS)
    await backend.close()
    throw error
  }
  const failure = await Promise.race([end, workers.lost])
  if (failure instanceof CommandError) {
    await workers.leave(END_MS)
    throw failure
  }
  if (failure !== undefined) {
    await workers.endBy(END_MS)
    throw new CommandError(EXIT.backendFailed, failure.message)
  }
  notice('Saying goodbye to the clients.')
  await workers.leave(DRAIN_MS + END_MS)
  await backend.close()
}

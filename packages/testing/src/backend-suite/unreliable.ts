import type { Backend } from '@tidings/server'
import { Random } from '../random.js'
import { UnreliableLog } from './unreliable-log.js'
import { Weather } from './weather.js'

/** How often things go wrong, from 0 (never) to 1 (always), and how late everything is. */
export interface UnreliableRates {
  /** A notice is never told. */
  readonly lost: number
  /** A notice is told twice. */
  readonly twice: number
  /** A notice comes late, and so out of order. */
  readonly late: number
  /** A notice does not say which offset came before. */
  readonly unknownPrevious: number
  /** After a lost notice and after an outage: `suspect()` is called. The rest is found by reading only. */
  readonly suspect: number
  /** A call fails `unavailable` although there is no outage. */
  readonly failing: number
  /** A publish that fails was stored all the same. */
  readonly storedAnyway: number
  /** Calls are answered, and late notices told, up to this much later. */
  readonly maxDelayMs: number
}

export interface UnreliableOptions extends Partial<UnreliableRates> {
  /** The same seed and the same calls go wrong in the same way. */
  readonly seed: number
}

export interface UnreliableBackend extends Backend {
  /** While on, every call rejects `unavailable`, also those under way, and no notice is told. */
  outage(on: boolean): void
  /** Changes some rates from now on. */
  setRates(rates: Partial<UnreliableRates>): void
}

const DEFAULT_RATES: UnreliableRates = {
  lost: 0.1,
  twice: 0.1,
  late: 0.3,
  unknownPrevious: 0.3,
  suspect: 0.5,
  failing: 0,
  storedAnyway: 0.4,
  maxDelayMs: 3,
}

/**
 * For tests: behaves like a remote backend on a bad day. What the wrapped backend (exact notices, contiguous offsets)
 * stores stays right; but offsets are sparse, `missed` is unknown, notices are hints, answers take their time, and calls
 * may fail with some publishes stored all the same.
 */
export const unreliable = (inner: Backend, { seed, ...rates }: UnreliableOptions): UnreliableBackend => {
  const weather = new Weather(new Random(seed), { ...DEFAULT_RATES, ...rates })
  const log = new UnreliableLog(inner.log, weather, seed)
  const { presence, bus, state } = inner
  return {
    name: `unreliable ${inner.name}`,
    durabilities: inner.durabilities,
    log,
    presence: {
      put: (...args) => weather.call(() => presence.put(...args)),
      remove: (...args) => weather.call(() => presence.remove(...args)),
      members: (...args) => weather.call(() => presence.members(...args)),
      watch: (...args) =>
        weather.call(
          () => presence.watch(...args),
          (watch) => watch.stop(),
        ),
    },
    bus: {
      publish: (...args) => weather.call(() => bus.publish(...args)),
      subscribe: (...args) =>
        weather.call(
          () => bus.subscribe(...args),
          (watch) => watch.stop(),
        ),
    },
    state: {
      get: (...args) => weather.call(() => state.get(...args)),
      set: (...args) => weather.call(() => state.set(...args)),
      delete: (...args) => weather.call(() => state.delete(...args)),
      list: (...args) => weather.call(() => state.list(...args)),
    },
    open: (fail) => inner.open(fail),
    close: async () => {
      weather.close()
      await inner.close()
    },
    outage: (on) => {
      weather.isOut = on
      if (!on) log.suspectAll()
    },
    setRates: (changed) => {
      weather.rates = { ...weather.rates, ...changed }
    },
  }
}

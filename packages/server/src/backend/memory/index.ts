import type { Clock } from '../../clock.js'
import { systemClock } from '../../clock.js'
import type { Backend } from '../backend.js'
import { LocalBus } from '../local-bus.js'
import { LocalPresence } from '../local-presence.js'
import { MemoryLog } from './memory-log.js'
import { MemoryState } from './memory-state.js'

export interface MemoryOptions {
  readonly clock?: Clock
  /**
   * What all channels' histories may take in memory, the objects around the data included. Beyond it the channels
   * published to least recently lose their oldest first (gap `trimmed`). Default 256 MiB.
   */
  readonly maxBytes?: number
  /**
   * How many publication ids are remembered at once. Beyond it a publish with a new id is refused `overloaded`: an id is
   * never forgotten within its window. Each takes about 100 bytes. Default 4,000,000.
   */
  readonly maxDedupeEntries?: number
}

const MIB = 1024 * 1024

/** Keeps everything in this process's memory: a restart loses it, and positions from before give a gap. */
export const memory = (options: MemoryOptions = {}): Backend => {
  const { clock = systemClock, maxBytes = 256 * MIB, maxDedupeEntries = 4_000_000 } = options
  const log = new MemoryLog({ clock, maxBytes, maxDedupeEntries })
  return {
    name: 'memory',
    durabilities: ['memory', 'none'],
    log,
    presence: new LocalPresence(),
    bus: new LocalBus(),
    state: new MemoryState(),
    open: () => {
      log.open()
      return Promise.resolve()
    },
    close: () => {
      log.close()
      return Promise.resolve()
    },
  }
}

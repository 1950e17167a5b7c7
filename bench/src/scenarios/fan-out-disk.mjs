import { tidings } from '../peers/tidings.mjs'
import { fsyncMs } from '../run/fsync.mjs'
import { makeFolder } from '../run/served.mjs'
import { FAN_OUT_COLUMNS, fanOut } from './fan-out.mjs'
import { rmSync } from 'node:fs'

/** What a flush takes on the disk that servers of the bench write to. */
const measureFsync = () => {
  const dir = makeFolder()
  try {
    return fsyncMs(dir)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

/** @param {import('../types.js').Size} size @returns {import('../types.js').Scenario} */
export const fanOutDiskScenario = ({ quick }) => {
  const how = quick
    ? { subscribers: 50, window: 64, seconds: 0.3, warmupSeconds: 0.1 }
    : { subscribers: 1000, window: 64, seconds: 5 }
  return {
    name: 'fan-out-disk',
    title: '1 channel, 1,000 subscribers, 64 B, 64 in flight, fsynced before it is delivered',
    entrants: [
      {
        name: 'disk',
        title: 'Tidings, disk',
        peer: tidings,
        run: async (peer) => {
          const sample = await fanOut(peer, { ...how, start: { store: 'disk' } })
          return sample.ok ? { ok: true, figures: { ...sample.figures, fsyncMs: measureFsync() } } : sample
        },
      },
      { name: 'memory', title: 'Tidings, memory', peer: tidings, run: (peer) => fanOut(peer, how) },
    ],
    columns: [...FAN_OUT_COLUMNS, { figure: 'fsyncMs', title: 'fsync ms', digits: 2 }],
    marks: [
      {
        text: '>= 0.8x of memory at the same window',
        of: ['disk', 'deliveriesPerSecond'],
        against: ['memory', 'deliveriesPerSecond'],
        factor: 0.8,
        is: 'at least',
      },
    ],
  }
}

import { FakeClock, FaultyDisk } from '@tidings/testing/backend-suite'
import { expect, test } from 'vitest'
import type { LogChannel } from '../backend.js'
import { DiskLog } from './disk-log.js'
import { Lineage } from './lineage.js'
import { RunningClock } from './running-clock.js'
import { Sweep } from './sweep.js'

const MINUTE_MS = 60_000

const channelOf = (name: string, maxAgeMs = 10 * MINUTE_MS): LogChannel => ({
  ...{ name, durability: 'disk', history: { maxAgeMs }, dedupeWindowMs: 1000 },
})

const start = () => {
  const clock = new FakeClock()
  const disk = new FaultyDisk()
  const store = disk.open()
  const log = new DiskLog({
    ...{ store, clock, lineage: Lineage.begin(undefined), running: new RunningClock(clock, undefined) },
    ...{ maxBytes: 1e12, maxDedupeEntries: 1000, flushDeadlineMs: 30_000 },
    fail: (error) => {
      throw error
    },
  })
  // Its own timer is stopped: the test sweeps.
  const sweep = new Sweep(store, log)
  sweep.stop()
  const publish = (channel: LogChannel, id: string) =>
    log.publish(channel, { id, scope: 's', publisher: null, payload: '1' })
  const payloads = async (channel: LogChannel): Promise<number> =>
    (await log.read(channel, { direction: 'forward', limit: 10, maxBytes: 1000 })).publications.length
  return { clock, disk, log, sweep, publish, payloads }
}

test('the sweep does not keep channels in memory that nobody uses', async () => {
  const { clock, log, sweep, publish, payloads } = start()
  for (let number = 0; number < 700; number += 1) await publish(channelOf(`c${number}`), '1')
  expect(log.size).toBe(700)
  // Every channel is looked at every other time.
  for (let step = 0; step < 8; step += 1) {
    clock.advance(MINUTE_MS / 4)
    sweep.step()
  }
  expect(log.size).toBe(0)
  expect(await payloads(channelOf('c699'))).toBe(1)
  expect(log.size).toBe(1)
})

test('the sweep takes from the disk what is too old, also of channels that nobody uses', async () => {
  const { clock, disk, log, sweep, publish } = start()
  for (const name of ['a', 'b']) await publish(channelOf(name), '1')
  await publish(channelOf('young', 60 * MINUTE_MS), '1')
  clock.advance(9 * MINUTE_MS)
  sweep.step()
  expect([log.size, disk.rows('log')]).toEqual([0, 3])
  clock.advance(2 * MINUTE_MS)
  sweep.step()
  await log.writer.close()
  expect(disk.rows('log')).toBe(1)
})

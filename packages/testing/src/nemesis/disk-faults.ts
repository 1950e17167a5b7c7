import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerMessage } from '@tidings/protocol'
import type { Random } from '../random.js'
import { between } from '../workload/world.js'
import type { NodeFault, NodeFaultParts } from './node-faults.js'
import { Probe, type ProbePublish, Starved } from './probe.js'
import type { ServerUnderTest } from './server-under-test.js'
import type { SmallDisk } from './small-disk.js'

/** Exit code of a node whose disk failed. */
const BACKEND_FAILED = 70
const EXIT_MS = 10_000
const PROBE_BYTES = 60_000
/** As much as the small disk holds. */
const MAX_PROBES = 1200
const MAX_LEFT_BYTES = 1_500_000
/** Three times what a batch needs. */
const ROUND_BYTES = 2_000_000
const BATCH = 10
const ROUNDS = 10
const MAX_WRITING_MS = 6
const MAX_FULL_MS = 1500
const MAX_HELD_MS = 2500
const RETRY_MS = 20
const MAX_RETRIES = 250

const ON_DISK = 'keep:a'
const BESIDE_DISK = ['memory:a', 'live:a'] as const

/** Finds something wrong, and says so. */
class Wrong extends Error {}

const expectAnswer = (what: string, answer: ServerMessage, type: ServerMessage['type']): void => {
  if (answer.type !== type) throw new Wrong(`${what}: expected ${type} and got ${JSON.stringify(answer).slice(0, 300)}`)
}

/** Notes what is wrong; everything else goes up. */
const finding = async (server: ServerUnderTest, fault: string, strike: () => Promise<void>): Promise<void> => {
  try {
    await strike()
  } catch (error) {
    if (error instanceof Starved) return
    const reason = error instanceof Error ? error.message : String(error)
    server.crashes.push(`${fault}: ${reason}; the last run printed:\n${server.output}`)
    throw error
  }
}

/** Publishes. Returns whether the disk was full; every other answer than that and yes is wrong. */
const isRefused = async (probe: Probe, publish: ProbePublish): Promise<boolean> => {
  const answer = await probe.publish(publish)
  if (answer.type === 'published') return false
  if (answer.type === 'error' && answer.code === 'storage-full' && answer.retryable) return true
  throw new Wrong(`a publish on a full disk was answered ${JSON.stringify(answer)}`)
}

/** The last room goes while a batch is being written, again and again: some batches find none in the middle of it. */
const fillWhileWriting = async (probe: Probe, disk: SmallDisk, random: Random): Promise<void> => {
  const data = new Uint8Array(PROBE_BYTES)
  for (let round = 0; round < ROUNDS; round += 1) {
    disk.release(ROUND_BYTES)
    const batch = Array.from({ length: BATCH }, () => probe.compose(ON_DISK, data))
    const answers = batch.map((publish) => isRefused(probe, publish))
    const filled = sleep(between(random, 0, MAX_WRITING_MS)).then(() => {
      disk.fill()
      return false
    })
    const outcomes = await Promise.all([...answers, filled])
    for (const [index, refused] of outcomes.entries()) {
      const publish = batch[index]
      if (refused && publish !== undefined) probe.giveUp(publish, 'storage-full')
    }
  }
}

/** Publishes until the disk is full. Returns the publication that was refused. */
const untilRefused = async (probe: Probe): Promise<ProbePublish> => {
  const data = new Uint8Array(PROBE_BYTES)
  for (let count = 0; count < MAX_PROBES; count += 1) {
    const publish = probe.compose(ON_DISK, data)
    if (await isRefused(probe, publish)) return publish
  }
  throw new Wrong(`${MAX_PROBES} publishes of ${PROBE_BYTES} bytes went to a full disk`)
}

/** What needs no room goes on: channels beside the disk, subscribers, catching up. */
const othersGoOn = async (probe: Probe): Promise<void> => {
  expectAnswer('subscribing on a full disk', await probe.subscribe(ON_DISK, 5), 'subscribed')
  await probe.caughtUp(ON_DISK)
  for (const channel of BESIDE_DISK) {
    expectAnswer(`subscribing to ${channel} on a full disk`, await probe.subscribe(channel), 'subscribed')
    const publish = probe.compose(channel, 'beside a full disk')
    expectAnswer(`publishing on ${channel} on a full disk`, await probe.publish(publish), 'published')
    await probe.pushed(channel, publish.id)
  }
}

/** The same publish is taken, by the same process, now that there is room. */
const untilTaken = async (probe: Probe, publish: ProbePublish): Promise<void> => {
  for (let count = 0; count < MAX_RETRIES; count += 1) {
    const answer = await probe.publish(publish)
    if (answer.type === 'published') return
    if (answer.type !== 'error' || !answer.retryable) expectAnswer('a publish with room again', answer, 'published')
    await sleep(RETRY_MS)
  }
  throw new Wrong('publishes are still refused with room on the disk again')
}

/** A start on a full disk either serves or ends with a sentence. */
const startWithoutRoom = async (server: ServerUnderTest): Promise<void> => {
  await server.end('SIGKILL')
  await server.launch({ store: 'kept' })
  server.expectEnd()
  const { process } = server.running
  const isHealthy = await process.healthy().then(
    () => true,
    () => false,
  )
  if (isHealthy) {
    await server.end('SIGKILL')
    return
  }
  const exit = await server.ended(EXIT_MS)
  if (exit?.code !== 1) throw new Wrong(`started on a full disk and ended with ${exit?.code ?? exit?.signal}`)
}

const fill = async (disk: SmallDisk, { server, random, tally, recorder }: NodeFaultParts): Promise<void> => {
  tally.fullDisks += 1
  const probe = await Probe.open(server.running, recorder)
  let refused: ProbePublish
  let isStarting = false
  recorder.record({ kind: 'disk-full' })
  try {
    disk.fill(random.chance(0.5) ? 0 : between(random, 0, MAX_LEFT_BYTES))
    refused = await untilRefused(probe)
    if (random.chance(0.5)) await fillWhileWriting(probe, disk, random)
    await othersGoOn(probe)
    await sleep(between(random, 0, MAX_FULL_MS))
    isStarting = random.chance(0.25)
    if (isStarting) await startWithoutRoom(server)
  } finally {
    disk.free()
    recorder.record({ kind: 'disk-free' })
  }
  if (isStarting) {
    probe.end()
    await server.start({ store: 'kept' })
    return
  }
  await untilTaken(probe, refused)
  probe.end()
}

/** The small disk is full for a while. */
export const fullDisk = (disk: SmallDisk): NodeFault => ({
  name: 'full disk',
  weight: 3,
  strike: (parts) => finding(parts.server, 'full disk', () => fill(disk, parts)),
})

const SENTENCE = /^tidings: The data could not be written to the disk safely: [^\n]+\.$/m

const failSync = async ({ server, tally, recorder }: NodeFaultParts): Promise<void> => {
  tally.failedSyncs += 1
  const probe = await Probe.open(server.running, recorder)
  const { process } = server.running
  server.expectEnd()
  server.breakSyncs('fail')
  try {
    const publish = probe.compose(ON_DISK, 'not to be acknowledged')
    const answer = await probe.publish(publish).catch(() => undefined)
    if (answer?.type === 'published') throw new Wrong('a publish was acknowledged after its sync failed')
    const exit = await server.ended(EXIT_MS)
    if (exit?.code !== BACKEND_FAILED) throw new Wrong(`ended with ${exit?.code ?? exit?.signal} after a failed sync`)
    if (!SENTENCE.test(process.output)) throw new Wrong('ended after a failed sync without its sentence')
  } finally {
    server.breakSyncs(undefined)
    probe.end()
  }
}

const holdSyncs = async ({ server, random, tally, recorder }: NodeFaultParts): Promise<void> => {
  tally.heldSyncs += 1
  const probe = await Probe.open(server.running, recorder)
  server.breakSyncs('hold')
  try {
    const answer = probe.publish(probe.compose(ON_DISK, 'held up'))
    const first = await Promise.race([answer, sleep(between(random, 20, MAX_HELD_MS))])
    if (first !== undefined) throw new Wrong('a publish was acknowledged before it was synced')
    server.breakSyncs(undefined)
    expectAnswer('a publish whose sync took long', await answer, 'published')
  } finally {
    server.breakSyncs(undefined)
    probe.end()
  }
}

/** Faults of syncs, of which the storage shim tells the server. */
export const SYNC_FAULTS: readonly NodeFault[] = [
  {
    name: 'failing sync',
    weight: 1.5,
    strike: async (parts) => {
      await finding(parts.server, 'failing sync', () => failSync(parts))
      await parts.server.start({ store: 'kept' })
    },
  },
  {
    name: 'held sync',
    weight: 1,
    strike: (parts) => finding(parts.server, 'held sync', () => holdSyncs(parts)),
  },
]

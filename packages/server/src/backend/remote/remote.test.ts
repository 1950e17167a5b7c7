import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeBackend } from '@tidings/testing/backend-suite'
import { disk } from '../disk/index.js'
import { memory } from '../memory/index.js'
import { ownerOf, workerOf } from './served.fixture.js'

describeBackend('remote, over memory', {
  durability: 'memory',
  notices: 'exact',
  fakeClock: true,
  durable: false,
  contiguous: true,
  create: async (clock) => {
    const owned = memory({ clock })
    await owned.open(() => undefined)
    const { backend } = await workerOf(ownerOf(owned))
    return { backend, dispose: () => owned.close() }
  },
})

describeBackend('remote, over disk', {
  durability: 'disk',
  notices: 'exact',
  fakeClock: true,
  durable: true,
  contiguous: true,
  create: async (clock) => {
    const dir = await mkdtemp(join(tmpdir(), 'tidings-remote-'))
    const open = async () => {
      const owned = disk({ dir, clock })
      await owned.open(() => undefined)
      return { owned, worker: await workerOf(ownerOf(owned)) }
    }
    let { owned, worker } = await open()
    return {
      backend: worker.backend,
      reopen: async () => {
        await worker.backend.close()
        await owned.close()
        ;({ owned, worker } = await open())
        return worker.backend
      },
      dispose: async () => {
        await owned.close()
        await rm(dir, { recursive: true, force: true })
      },
    }
  },
})

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeBackend } from '@tidings/testing/backend-suite'
import { disk } from './index.js'

describeBackend('disk', {
  durability: 'disk',
  notices: 'exact',
  fakeClock: true,
  durable: true,
  contiguous: true,
  create: async (clock) => {
    const dir = await mkdtemp(join(tmpdir(), 'tidings-disk-'))
    let backend = disk({ dir, clock })
    await backend.open(() => undefined)
    return {
      backend,
      reopen: async () => {
        await backend.close()
        backend = disk({ dir, clock })
        await backend.open(() => undefined)
        return backend
      },
      dispose: () => rm(dir, { recursive: true, force: true }),
    }
  },
})

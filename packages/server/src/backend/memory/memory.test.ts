import { describeBackend } from '@tidings/testing/backend-suite'
import { memory } from './index.js'

describeBackend('memory', {
  durability: 'memory',
  notices: 'exact',
  fakeClock: true,
  durable: false,
  contiguous: true,
  create: async (clock) => {
    const backend = memory({ clock })
    await backend.open(() => undefined)
    return { backend }
  },
})

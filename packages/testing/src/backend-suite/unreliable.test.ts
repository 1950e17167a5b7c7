import { memory } from '@tidings/server/memory'
import { describeBackend, unreliable } from './index.js'

describeBackend('unreliable', {
  durability: 'memory',
  notices: 'hints',
  fakeClock: true,
  durable: false,
  contiguous: false,
  create: async (clock) => {
    const backend = unreliable(memory({ clock }), { seed: 7 })
    await backend.open(() => undefined)
    return { backend }
  },
})

describeBackend('unreliable, failing often', {
  durability: 'memory',
  notices: 'hints',
  fakeClock: true,
  durable: false,
  contiguous: false,
  create: async (clock) => {
    const backend = unreliable(memory({ clock }), { seed: 11, failing: 0.2, maxDelayMs: 1 })
    await backend.open(() => undefined)
    return { backend }
  },
})

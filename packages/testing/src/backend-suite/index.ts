export { describeBackend } from './describe-backend.js'
export { FakeClock } from './fake-clock.js'
export type { BackendInstance, BackendSubject } from './harness.js'
export { unreliable, type UnreliableBackend, type UnreliableOptions, type UnreliableRates } from './unreliable.js'

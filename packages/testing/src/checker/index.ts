export { checkHistory, type CheckOptions } from './check-history.js'
export { type DeliveryPromise, PROMISES, type Verdict, type Violation } from './findings.js'
export type * from './history.js'

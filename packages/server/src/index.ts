export * from './backend/backend.js'
export { type Clock, systemClock } from './clock.js'

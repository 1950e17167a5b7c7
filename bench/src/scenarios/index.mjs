import { connectScenario } from './connect.mjs'
import { fanOutScenario } from './fan-out.mjs'
import { idleScenario } from './idle.mjs'
import { latencyScenario } from './latency.mjs'
import { publishScenario } from './publish.mjs'
import { roomsScenario } from './rooms.mjs'

/** In the order in which they are run. */
export const SCENARIOS = [fanOutScenario, roomsScenario, latencyScenario, idleScenario, connectScenario, publishScenario]

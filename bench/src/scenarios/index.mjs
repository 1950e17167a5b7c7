import { compressionScenario } from './compression.mjs'
import { connectScenario } from './connect.mjs'
import { fanOutDiskScenario } from './fan-out-disk.mjs'
import { fanOutScenario } from './fan-out.mjs'
import { idleScenario } from './idle.mjs'
import { latencyScenario } from './latency.mjs'
import { pollingScenario } from './polling.mjs'
import { publishScenario } from './publish.mjs'
import { restartScenario } from './restart.mjs'
import { roomsScenario } from './rooms.mjs'
import { channelsScenario, subscribersScenario } from './scaling.mjs'
import { soundnessScenario } from './soundness.mjs'
import { tickerScenario } from './ticker.mjs'
import { wakeUpScenario } from './wake-up.mjs'
import { workersPublishScenario, workersScenario } from './workers.mjs'
import { wssScenario } from './wss.mjs'

/** In the order in which they are run. */
export const SCENARIOS = [
  soundnessScenario,
  fanOutScenario,
  fanOutDiskScenario,
  wssScenario,
  roomsScenario,
  latencyScenario,
  pollingScenario,
  idleScenario,
  connectScenario,
  publishScenario,
  compressionScenario,
  tickerScenario,
  wakeUpScenario,
  restartScenario,
  subscribersScenario,
  channelsScenario,
  workersScenario,
  workersPublishScenario,
]

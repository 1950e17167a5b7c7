import type { Attack } from './attack.js'
import { CLAIM_ATTACKS } from './claims.js'
import { COMMAND_ATTACKS } from './commands.js'
import { COMPRESSION_ATTACKS } from './compression.js'
import { FILLING_ATTACKS } from './filling.js'
import { FLOOD_ATTACKS } from './floods.js'
import { FORWARDING_ATTACKS } from './forwarding.js'
import { FRAME_ATTACKS } from './frames.js'
import { FUZZ_ATTACKS } from './fuzz.js'
import { HISTORY_ATTACKS } from './history.js'
import { TIMING_ATTACKS } from './key-timing.js'
import { NAME_ATTACKS } from './names.js'
import { ORIGIN_ATTACKS } from './origins.js'
import { RECONNECT_ATTACKS } from './reconnecting.js'
import { REQUEST_ATTACKS } from './requests.js'
import { REVOCATION_ATTACKS } from './revocations.js'
import { SLOW_ATTACKS } from './slow.js'
import { SIGNATURE_ATTACKS } from './signatures.js'

/** All of them, in the order in which they are run. */
export const ATTACKS: readonly Attack[] = [
  ...ORIGIN_ATTACKS,
  ...FORWARDING_ATTACKS,
  ...SIGNATURE_ATTACKS,
  ...CLAIM_ATTACKS,
  ...REVOCATION_ATTACKS,
  ...NAME_ATTACKS,
  ...COMMAND_ATTACKS,
  ...FRAME_ATTACKS,
  ...COMPRESSION_ATTACKS,
  ...FLOOD_ATTACKS,
  ...HISTORY_ATTACKS,
  ...REQUEST_ATTACKS,
  ...RECONNECT_ATTACKS,
  ...FILLING_ATTACKS,
  ...SLOW_ATTACKS,
  ...FUZZ_ATTACKS,
  ...TIMING_ATTACKS,
]

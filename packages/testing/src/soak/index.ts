export { type Episode, type EpisodeOptions, runEpisode } from './episode.js'
export { Summary } from './summary.js'
export { POWER_MOMENTS, type PowerEpisodeOptions, runPowerEpisode } from '../power/power-episode.js'
export { shimLines, type SyncFault } from '../storage-shim/register.js'

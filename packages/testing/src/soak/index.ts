export { type Episode, type EpisodeOptions, runEpisode } from './episode.js'
export { Summary } from './summary.js'

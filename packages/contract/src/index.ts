export { channelNameProblem } from './channel-name.js'
export {
  type ChannelDefinition,
  type ChannelLimits,
  type ChannelMatch,
  type ChannelRules,
  type Channels,
  type Contract,
  channel,
  defineContract,
  type HistoryRules,
  type InputOf,
  type OutputOf,
  type ParamsArguments,
  type ParamsOf,
  type PatternOf,
} from './contract.js'
export { ContractError, type ContractErrorCode } from './contract-error.js'
export { comparePatterns, formatPattern, matchPattern, type Pattern, parsePattern } from './pattern.js'

export { FaultProxy, type FaultProxyOptions } from './fault-proxy.js'
export type { PipeRules } from './pipe.js'
export { type CutKind, type Direction, type OneWay, ProxiedConnection } from './proxied-connection.js'

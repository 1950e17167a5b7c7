export { type Exit, freePort, NodeProcess, type NodeProcessOptions } from './node-process.js'
export { type Closed, RawClient, type RawClientOptions } from './raw-client.js'
export { type LocalNode, startNode, type StartNodeOptions } from './start-node.js'

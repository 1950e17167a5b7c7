export * from './attacks/index.js'
export * from './checker/index.js'
export { FakeClock } from './fake-clock.js'
export { type DiskMoment, FaultyDisk } from './faulty-disk.js'
export { type Exit, freePort, NodeProcess, type NodeProcessOptions } from './node-process.js'
export * from './proxy/index.js'
export { type Closed, RawClient, type RawClientOptions } from './raw-client.js'
export {
  fragments,
  frame,
  type FrameShape,
  handshake,
  type RawAddress,
  type RawHeaders,
  RawSocket,
  type ReceivedFrame,
} from './raw-socket.js'
export { Random } from './random.js'
export { loadHistory, Recorder, type RecorderOptions, saveHistory } from './recorder/recorder.js'
export { type LocalNode, startNode, type StartNodeOptions } from './start-node.js'

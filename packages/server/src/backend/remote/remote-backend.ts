import type { Duplex } from 'node:stream'
import type { Backend, Bus, PresenceStore, State } from '../backend.js'
import { Calls } from './calls.js'
import { sendBytes, takeBytes } from './messages.js'
import { RemoteLog } from './remote-log.js'

/**
 * The backend that another process owns and serves over `stream` (see BackendOwner), which must carry bytes in order and
 * belongs to the backend from now on. The owner's failure and its end are this backend's failure. Rejects with
 * BackendError when the owner is gone before it said what its backend is.
 */
export const remote = async (stream: Duplex): Promise<Backend> => {
  const calls = new Calls(stream)
  const { name, durabilities, notices } = await calls.hello
  return {
    name,
    durabilities,
    log: new RemoteLog(calls, notices),
    presence: remotePresence(calls),
    bus: remoteBus(calls),
    state: remoteState(calls),
    open: (fail) => {
      calls.onFailure(fail)
      return Promise.resolve()
    },
    close: () => calls.end(),
  }
}

const remotePresence = (calls: Calls): PresenceStore => ({
  put: (channel, member) => done(calls.call('put', channel, member)),
  remove: (channel, member) => done(calls.call('remove', channel, member)),
  members: (channel) => calls.call('members', channel),
  watch: async (channel, listener) => {
    const { watch, result } = await calls.watch({ member: listener }, 'watchMembers', channel)
    return { ...watch, members: result }
  },
})

const remoteBus = (calls: Calls): Bus => ({
  publish: (subject, bytes) => done(calls.call('broadcast', subject, sendBytes(bytes))),
  subscribe: async (subject, listener) => {
    const { watch } = await calls.watch({ bytes: listener }, 'listen', subject)
    return watch
  },
})

const remoteState = (calls: Calls): State => ({
  get: async (key) => {
    const bytes = await calls.call('get', key)
    return bytes === null ? undefined : takeBytes(bytes)
  },
  set: (key, value) => done(calls.call('set', key, sendBytes(value))),
  delete: (key) => done(calls.call('delete', key)),
  list: async (prefix) => {
    const entries = await calls.call('list', prefix)
    return entries.map(([key, bytes]) => ({ key, value: takeBytes(bytes) }))
  },
})

const done = (answer: Promise<null>): Promise<void> => answer.then(() => undefined)

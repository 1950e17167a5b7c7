import type { Log, State } from '../backend.js'

// What is handed out before the backend is open, and reaches what `open` made once it is.
const call = <Result>(run: () => Promise<Result>): Promise<Result> => {
  try {
    return run()
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
}

/** `log` throws BackendError while the backend is not open; then every call rejects with it. */
export const logWhenOpen = (log: () => Log): Log => ({
  notices: 'exact',
  publish: (channel, publication) => call(() => log().publish(channel, publication)),
  read: (channel, request) => call(() => log().read(channel, request)),
  rewind: (channel, rewind) => call(() => log().rewind(channel, rewind)),
  tails: (channels) => call(() => log().tails(channels)),
  watch: (channel, listener) => call(() => log().watch(channel, listener)),
  purge: (channel) => call(() => log().purge(channel)),
})

/** The same for `state`. */
export const stateWhenOpen = (state: () => State): State => ({
  get: (key) => call(() => state().get(key)),
  set: (key, value) => call(() => state().set(key, value)),
  delete: (key) => call(() => state().delete(key)),
  list: (prefix) => call(() => state().list(prefix)),
})

export const WEBSOCKET_PATH = '/ws'
export const HEALTH_PATH = '/healthz'
export const REVOCATIONS_PATH = '/revocations'

const OWN_PATHS = [WEBSOCKET_PATH, HEALTH_PATH, REVOCATIONS_PATH]

// Segments of ordinary characters: nothing that a browser or a proxy would change.
const PATH = /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$/

/** Says what is wrong with a path that something is to be served on, or undefined. */
export const pathProblem = (path: string): string | undefined => {
  if (!PATH.test(path)) return `must be a path such as /echo, of letters, digits and . _ ~ -, and not '${path}'`
  if (OWN_PATHS.includes(path)) return `must not be ${path}, which the server has itself`
  return undefined
}

export const MAX_PORT = 65_535

/**
 * What scenarios have in common: a server for one run, figures from what the load generator saw, and whether they count.
 */
import { LoadError, runLoad } from '../run/load.mjs'
import { ServeError } from '../run/served.mjs'

/** @typedef {import('../types.js').Sample} Sample */
/** @typedef {import('../types.js').Measured} Measured */

/** 64 bytes of text; servers with an envelope carry it in a field of their data. @type {import('../types.js').Payload} */
export const TEXT = { raw: '%m', json: '{"text":"%m"}' }

/**
 * Why a run does not count: deliveries that are missing, came twice or out of order, or connections that ended.
 * @param {import('../types.js').Verdict} verdict
 */
export const problemOf = ({ lost, extra, mismatched, outOfOrder, closed, expected }) => {
  const problems = [
    ...(lost > 0 ? [`${lost} of ${expected} deliveries lost`] : []),
    ...(extra > 0 ? [`${extra} deliveries too many`] : []),
    ...(mismatched > 0 ? [`${mismatched} connections got other publications than they should`] : []),
    ...(outOfOrder > 0 ? [`${outOfOrder} deliveries out of order`] : []),
    ...(closed > 0 ? [`${closed} connections ended`] : []),
    ...(expected === 0 ? ['nothing was published'] : []),
  ]
  return problems.length === 0 ? undefined : problems.join(', ')
}

/** @param {import('../types.js').Window} window */
export const figuresOf = (window) => ({
  deliveriesPerSecond: window.deliveries / window.seconds,
  publicationsPerSecond: window.published / window.seconds,
  megabytesPerSecond: window.bytesReceived / window.seconds / 1e6,
  bytesPerDelivery: window.bytesReceived / window.deliveries,
  cpuUsPerDelivery: (window.serverCpuSeconds / window.deliveries) * 1e6,
  serverBusyPercent: (window.serverCpuSeconds / window.seconds) * 100,
  loadBusyPercent: (window.loadCpuSeconds / window.seconds) * 100,
  lateMs: window.lateMs,
  p50Ms: window.p50Us / 1000,
  p99Ms: window.p99Us / 1000,
})

/**
 * Measures. What the server or the load could not do is the sample's reason, not an error.
 * @param {() => Promise<Sample>} measure
 * @returns {Promise<Sample>}
 */
export const sampled = async (measure) => {
  try {
    return await measure()
  } catch (error) {
    if (error instanceof LoadError || error instanceof ServeError) return { ok: false, reason: error.message }
    throw error
  }
}

/**
 * Starts a server, measures, stops it.
 * @param {import('../types.js').Peer} peer
 * @param {import('../types.js').StartOptions} options
 * @param {(served: import('../types.js').Served) => Promise<Sample>} measure
 * @returns {Promise<Sample>}
 */
export const withServer = (peer, options, measure) =>
  sampled(async () => {
    const served = await peer.start(options)
    try {
      return await measure(served)
    } finally {
      await served.stop()
    }
  })

/**
 * One run of the load generator as a sample.
 * @param {import('../run/load.mjs').LoadOptions} options
 * @returns {Promise<Sample>}
 */
export const sampleOf = async (options) => {
  const measured = /** @type {Measured} */ (await runLoad(options))
  const reason = problemOf(measured)
  return reason === undefined ? { ok: true, figures: figuresOf(measured) } : { ok: false, reason }
}

/** Subscribers of one channel. @param {import('../types.js').Wire} wire @param {string} channel */
export const helloTo = (wire, channel) => [{ topics: [0], frames: wire.hello([channel], { present: true }) }]

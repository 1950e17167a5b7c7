import type { Connection, ConnectionHandler } from './transport.js'
import { buildFrame, OPCODE } from './frame.js'

/**
 * Sends every frame back as it came: for conformance suites and foreign clients, through the same transport and limits
 * as sessions. A peer that does not read is not read from.
 */
export const echo = (connection: Connection): ConnectionHandler => {
  const { outbound } = connection
  let waiting = false
  connection.known()
  return {
    frame: (data, isText) => {
      outbound.write(buildFrame(isText ? OPCODE.text : OPCODE.binary, data))
      if (waiting || !outbound.isFull) return
      waiting = true
      connection.pause()
      outbound.whenDrained(() => {
        waiting = false
        connection.resume()
      })
    },
    broken: () => undefined,
    closed: () => undefined,
  }
}

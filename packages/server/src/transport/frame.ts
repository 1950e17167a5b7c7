import { constants, deflateRawSync } from 'node:zlib'

/**
 * WebSocket frames from server to client (RFC 6455, section 5.2): final, unmasked, so the same bytes serve every
 * connection.
 */
export const OPCODE = { text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

export type Opcode = (typeof OPCODE)[keyof typeof OPCODE]

const headerLength = (payloadLength: number): number => (payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10)

const FIN = 0x80
/** "This frame is compressed": RFC 7692, section 6. */
const RSV1 = 0x40

const writeHeader = (frame: Buffer, firstByte: number, payloadLength: number): void => {
  frame[0] = firstByte
  if (payloadLength < 126) {
    frame[1] = payloadLength
  } else if (payloadLength < 65_536) {
    frame[1] = 126
    frame.writeUInt16BE(payloadLength, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(payloadLength), 2)
  }
}

/** One whole frame in one buffer. */
export const buildFrame = (opcode: Opcode, payload: string | Uint8Array): Buffer => build(FIN | opcode, payload)

const build = (firstByte: number, payload: string | Uint8Array): Buffer => {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  const offset = headerLength(length)
  const frame = Buffer.allocUnsafe(offset + length)
  writeHeader(frame, firstByte, length)
  if (typeof payload === 'string') frame.write(payload, offset)
  else frame.set(payload, offset)
  return frame
}

/** A frame for what a codec encoded: text for JSON, binary for bytes. */
export const buildDataFrame = (payload: string | Uint8Array): Buffer => buildFrame(opcodeOf(payload), payload)

const opcodeOf = (payload: string | Uint8Array): Opcode => (typeof payload === 'string' ? OPCODE.text : OPCODE.binary)

/** Below this, what is saved is less than what a packet takes anyway. */
const MIN_DEFLATED_BYTES = 128
const LEVEL = 4
/** A flush ends with these four bytes, which the receiver adds by itself (RFC 7692, section 7.2.1). */
const FLUSH_TAIL_BYTES = 4

/**
 * The same for peers that take permessage-deflate without context takeover: compressed by itself, so that it too serves
 * every such connection. What does not get smaller stays as it is.
 */
export const buildDeflatedFrame = (payload: string | Uint8Array): Buffer => {
  if (payload.length < MIN_DEFLATED_BYTES) return buildDataFrame(payload)
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const deflated = deflateRawSync(bytes, { level: LEVEL, finishFlush: constants.Z_SYNC_FLUSH })
  const length = deflated.length - FLUSH_TAIL_BYTES
  if (length >= bytes.length) return buildDataFrame(payload)
  return build(FIN | RSV1 | opcodeOf(payload), deflated.subarray(0, length))
}

/**
 * WebSocket frames from server to client (RFC 6455, section 5.2): final, unmasked, so the same bytes serve every
 * connection.
 */
export const OPCODE = { text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const

export type Opcode = (typeof OPCODE)[keyof typeof OPCODE]

const headerLength = (payloadLength: number): number => (payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10)

const writeHeader = (frame: Buffer, opcode: Opcode, payloadLength: number): void => {
  frame[0] = 0x80 | opcode
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
export const buildFrame = (opcode: Opcode, payload: string | Uint8Array): Buffer => {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length
  const offset = headerLength(length)
  const frame = Buffer.allocUnsafe(offset + length)
  writeHeader(frame, opcode, length)
  if (typeof payload === 'string') frame.write(payload, offset)
  else frame.set(payload, offset)
  return frame
}

/** A frame for what a codec encoded: text for JSON, binary for bytes. */
export const buildDataFrame = (payload: string | Uint8Array): Buffer =>
  buildFrame(typeof payload === 'string' ? OPCODE.text : OPCODE.binary, payload)

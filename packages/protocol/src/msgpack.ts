import { Encoder } from '@msgpack/msgpack'
import { asArray, type Codec } from './codec.js'
import { SUBPROTOCOL_MSGPACK } from './limits.js'
import { readMsgpack } from './msgpack-reader.js'

const encoder = new Encoder({ ignoreUndefined: true })

/** The binary codec: plain MessagePack maps; bytes as `bin`; no extension types. */
export const msgpackCodec: Codec = {
  subprotocol: SUBPROTOCOL_MSGPACK,
  encode: (message) => encoder.encode(message),
  decode: (frame) => {
    if (typeof frame === 'string') return undefined
    try {
      return asArray(readMsgpack(frame))
    } catch {
      return undefined
    }
  },
}

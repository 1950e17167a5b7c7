import { Decoder, Encoder } from '@msgpack/msgpack'
import { asArray, type Codec } from './codec.js'
import { SUBPROTOCOL_MSGPACK } from './limits.js'
import { isMsgpackValue } from './msgpack-check.js'

const encoder = new Encoder({ ignoreUndefined: true })
const decoder = new Decoder()

/** The binary codec: plain MessagePack maps; bytes as `bin`; no extension types. */
export const msgpackCodec: Codec = {
  subprotocol: SUBPROTOCOL_MSGPACK,
  encode: (message) => encoder.encode(message),
  decode: (frame) => {
    if (typeof frame === 'string' || !isMsgpackValue(frame)) return undefined
    try {
      return asArray(decoder.decode(frame))
    } catch {
      return undefined
    }
  },
}

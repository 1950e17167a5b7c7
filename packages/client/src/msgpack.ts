export { msgpackCodec } from '@tidings/protocol/msgpack'

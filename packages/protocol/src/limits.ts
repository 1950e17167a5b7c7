/** Arrays and objects inside each other in one payload. */
export const MAX_PAYLOAD_DEPTH = 64

/** Bounds that the protocol itself sets. Limits that a node may set are announced in `connected`. */
export const PROTOCOL_LIMITS = {
  maxPositionLength: 128,
  maxPublicationIdLength: 128,
  maxKeyLength: 128,
  maxTags: 16,
  maxTagLength: 128,
  maxClientIdLength: 128,
  maxTokenLength: 16_384,
  maxSub: 15,
  /** Channel names, in UTF-8 bytes. */
  maxChannelBytes: 255,
  maxPayloadDepth: MAX_PAYLOAD_DEPTH,
} as const

export const SUBPROTOCOL_JSON = 'tidings.v1.json'
export const SUBPROTOCOL_MSGPACK = 'tidings.v1.msgpack'

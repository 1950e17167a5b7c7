/**
 * How messages become frames. The JSON codec makes text frames, the msgpack codec binary ones.
 * `decode` returns undefined for bytes that are not a frame of the codec; it never throws.
 */
export interface Codec {
  readonly subprotocol: string
  encode(message: object): string | Uint8Array
  /** The frame's messages, unchecked: one or an array in the frame, always an array here. */
  decode(frame: string | Uint8Array): readonly unknown[] | undefined
}

export const asArray = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value])

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)

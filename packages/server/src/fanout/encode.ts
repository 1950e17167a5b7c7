import {
  type Codec,
  type Gap,
  jsonCodec,
  type JsonValue,
  type Publication,
  type PublicationData,
} from '@tidings/protocol'
import type { Cursor, Payload, StoredPublication } from '../backend/backend.js'
import { buildDataFrame, buildDeflatedFrame } from '../transport/frame.js'

/** A form in which a channel's pushes are built once for every subscription that wants it so. One object a form. */
export interface Variant {
  readonly codec: Codec
  readonly sub: number
  readonly isDeflated: boolean
}

const variants = new Map<string, Variant>()

export const variantOf = (codec: Codec, sub: number, isDeflated: boolean): Variant => {
  const key = `${codec.subprotocol} ${sub} ${isDeflated}`
  const known = variants.get(key) ?? { codec, sub, isDeflated }
  variants.set(key, known)
  return known
}

const MAX_FRAME_PAYLOAD = 65_536

/** What `publications` says of the channel and the subscription; `sub` 0 is left out. */
export const address = (channel: string, sub: number): { channel: string; sub?: number } =>
  sub === 0 ? { channel } : { channel, sub }

export const toData = (payload: Payload): PublicationData =>
  typeof payload === 'string' ? (JSON.parse(payload) as JsonValue) : payload

/** A stored publication as codecs other than JSON and the application want it. */
export const toPublication = (stored: StoredPublication): Publication => {
  const { offset, position, time, payload, publisher, id, key, tags } = stored
  const place = { offset, position, time, publisher, id }
  if (key === undefined && tags === undefined) return { ...place, data: toData(payload) }
  return { ...place, ...(key !== undefined && { key }), ...(tags !== undefined && { tags }), data: toData(payload) }
}

/** JSON of one publication: stored JSON text goes in as it is, without being parsed. */
export const publicationJson = (publication: StoredPublication): string => {
  const { offset, position, time, payload, publisher, id, key, tags } = publication
  const data =
    typeof payload === 'string' ? `"data":${payload}` : `"bytes":"${Buffer.from(payload).toString('base64')}"`
  return (
    `{"offset":${offset},"position":${JSON.stringify(position)},"time":${time},${data},` +
    `"publisher":${JSON.stringify(publisher)},"id":${JSON.stringify(id)}` +
    (key === undefined ? '' : `,"key":${JSON.stringify(key)}`) +
    (tags === undefined ? '}' : `,"tags":${JSON.stringify(tags)}}`)
  )
}

const isMuted = (session: string | undefined, { mutedFor }: StoredPublication): boolean =>
  mutedFor !== undefined && mutedFor === session

/** Sessions for which some of them are muted; undefined for none, as nearly always. */
export const sessionsMutedIn = (publications: Iterable<StoredPublication>): ReadonlySet<string> | undefined => {
  let sessions: Set<string> | undefined
  for (const { mutedFor } of publications) {
    if (mutedFor === undefined) continue
    sessions ??= new Set()
    sessions.add(mutedFor)
  }
  return sessions
}

const echoMark = ({ offset, position, id }: StoredPublication): object => ({ offset, position, id, echo: false })

const encodeRun = (
  { codec, sub }: Variant,
  channel: string,
  run: readonly StoredPublication[],
  session: string | undefined,
): string | Uint8Array => {
  if (codec === jsonCodec) {
    const items = run.map((item) => (isMuted(session, item) ? JSON.stringify(echoMark(item)) : publicationJson(item)))
    const head = JSON.stringify({ type: 'publications', ...address(channel, sub) }).slice(0, -1)
    return `${head},"publications":[${items.join(',')}]}`
  }
  const publications = run.map((item) => (isMuted(session, item) ? echoMark(item) : toPublication(item)))
  return codec.encode({ type: 'publications', ...address(channel, sub), publications })
}

/** Runs of publications whose payloads stay below the frame size, a larger one alone. */
const splitRuns = (publications: readonly StoredPublication[]): readonly (readonly StoredPublication[])[] => {
  const runs: StoredPublication[][] = []
  let bytes = 0
  for (const publication of publications) {
    bytes += publication.payload.length
    if (runs.length === 0 || bytes > MAX_FRAME_PAYLOAD) {
      runs.push([])
      bytes = publication.payload.length
    }
    runs.at(-1)?.push(publication)
  }
  return runs
}

/** A frame of a batch, shared by everyone who gets it. */
export interface BatchFrame {
  readonly bytes: Buffer
  /** Where a subscription is that has been given this frame. */
  readonly end: Cursor
  /** Publications in it. */
  readonly count: number
  /** Of a large one: the same as frames of at most 16 KiB, or with a single publication each. */
  readonly parts?: () => readonly Buffer[]
}

const MAX_PART_BYTES = 16_384

type Build = (run: readonly StoredPublication[]) => Buffer

const partsOf = (bytes: Buffer, run: readonly StoredPublication[], build: Build): readonly Buffer[] => {
  if (bytes.length <= MAX_PART_BYTES || run.length === 1) return [bytes]
  const half = run.length >> 1
  return [run.slice(0, half), run.slice(half)].flatMap((part) => partsOf(build(part), part, build))
}

/** The parts of a large frame are made once, when the first connection wants them. */
const frameOf = (run: readonly StoredPublication[], build: Build): BatchFrame => {
  const frame = { bytes: build(run), end: endOf(run), count: run.length }
  if (frame.bytes.length <= MAX_PART_BYTES || run.length === 1) return frame
  let parts: readonly Buffer[] | undefined
  return { ...frame, parts: () => (parts ??= partsOf(frame.bytes, run, build)) }
}

/** A cursor of its own: whoever keeps it does not keep the publication. */
const endOf = (run: readonly StoredPublication[]): Cursor => {
  const { position, offset } = run.at(-1) ?? { position: '', offset: 0 }
  return { position, offset }
}

/**
 * The frames that push publications, in order. For one session: those that are muted for it become echo marks. Without a
 * session they are for all others.
 */
export const publicationFrames = (
  variant: Variant,
  channel: string,
  publications: readonly StoredPublication[],
  session?: string,
): readonly BatchFrame[] =>
  splitRuns(publications).map((whole) =>
    frameOf(whole, (run) =>
      // What one subscription alone gets is not worth the time that compressing it takes from all.
      (variant.isDeflated && session === undefined ? buildDeflatedFrame : buildDataFrame)(
        encodeRun(variant, channel, run, session),
      ),
    ),
  )

export const gapFrame = ({ codec, sub }: Variant, channel: string, gap: Gap): Buffer =>
  buildDataFrame(codec.encode({ type: 'gap', ...address(channel, sub), ...gap }))

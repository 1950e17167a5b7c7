import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRecord } from '@tidings/protocol'

/** A message as both codecs carry it. */
export interface MessageVector {
  readonly name: string
  readonly json: unknown
  /** Hexadecimal, with spaces for the reader. */
  readonly msgpack: string
}

export interface FrameVector extends MessageVector {
  readonly count: number
}

export interface InvalidFrameVector {
  readonly name: string
  readonly codec: 'json' | 'msgpack'
  readonly text?: string
  readonly hex?: string
  readonly close: number
}

export interface InvalidCommandVector {
  readonly name: string
  readonly json?: unknown
  readonly text?: string
  readonly hex?: string
  readonly id: number
  readonly code: string
}

export interface PatternVector {
  readonly pattern: string
  readonly channel: string
  readonly params: Readonly<Record<string, string>> | null
}

export interface PrecedenceVector {
  readonly patterns: readonly string[]
  readonly channel: string
  readonly wins: string | null
}

export interface InvalidPatternVector {
  readonly pattern: string
  readonly why: string
}

export interface ChannelNameVector {
  readonly channel: string
  readonly valid: boolean
  readonly why: string
}

interface Files {
  'commands.json': MessageVector
  'replies.json': MessageVector
  'pushes.json': MessageVector
  'frames.json': FrameVector
  'invalid-frames.json': InvalidFrameVector
  'invalid-commands.json': InvalidCommandVector
  'patterns.json': PatternVector
  'precedence.json': PrecedenceVector
  'invalid-patterns.json': InvalidPatternVector
  'channel-names.json': ChannelNameVector
}

/** The vectors of one file of this folder. */
export const readVectors = <File extends keyof Files>(file: File): readonly Files[File][] => {
  const parsed: unknown = JSON.parse(readFileSync(join(import.meta.dirname, file), 'utf8'))
  if (!isRecord(parsed) || !Array.isArray(parsed.vectors)) throw new Error(`${file} holds no vectors`)
  return parsed.vectors as Files[File][]
}

export const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'))

import { type Codec, jsonCodec, parseCommand, payloadProblem } from '@tidings/protocol'
import { msgpackCodec } from '@tidings/protocol/msgpack'
import { describe, expect, it } from 'vitest'
import { bytesOf, type MessageVector, readVectors } from './vectors.js'

const CODECS: readonly Codec[] = [jsonCodec, msgpackCodec]

const recode = (codec: Codec, messages: readonly unknown[]): readonly unknown[] | undefined =>
  codec.decode(codec.encode(messages))

const expectSameInBothCodecs = ({ json, msgpack }: MessageVector): readonly unknown[] => {
  const messages = jsonCodec.decode(JSON.stringify(json))
  expect(messages).toBeDefined()
  expect(msgpackCodec.decode(bytesOf(msgpack))).toEqual(messages)
  for (const codec of CODECS) expect(recode(codec, messages ?? [])).toEqual(messages)
  return messages ?? []
}

describe('commands', () => {
  for (const vector of readVectors('commands.json')) {
    it(`accepts ${vector.name}`, () => {
      const messages = expectSameInBothCodecs(vector)
      expect(messages.map((message) => parseCommand(message))).toEqual(
        messages.map((command) => ({ ok: true, command })),
      )
    })
  }

  it('are all shown, with every field', () => {
    const messages = readVectors('commands.json').flatMap(({ json }) => jsonCodec.decode(JSON.stringify(json)) ?? [])
    const fields = new Set(messages.flatMap((message) => Object.keys(message as object)))
    const types = new Set(messages.map((message) => (message as { type: string }).type))
    expect([...types].sort()).toEqual([
      'connect',
      'history',
      'ping',
      'presence',
      'publish',
      'refresh',
      'subscribe',
      'unsubscribe',
    ])
    for (const field of 'token client sub from rewind policy presence data publicationId key tags echo at limit'.split(
      ' ',
    )) {
      expect(fields).toContain(field)
    }
  })
})

for (const file of ['replies.json', 'pushes.json'] as const) {
  describe(file, () => {
    for (const vector of readVectors(file)) {
      it(`reads ${vector.name}`, () => {
        expect(expectSameInBothCodecs(vector)).toHaveLength(1)
      })
    }
  })
}

describe('frames', () => {
  for (const vector of readVectors('frames.json')) {
    it(`reads ${vector.name}`, () => {
      expect(expectSameInBothCodecs(vector)).toHaveLength(vector.count)
    })
  }
})

describe('invalid frames', () => {
  for (const { name, codec, text, hex } of readVectors('invalid-frames.json')) {
    it(`finds no command in ${name} (${codec})`, () => {
      const messages = (codec === 'json' ? jsonCodec : msgpackCodec).decode(text ?? bytesOf(hex ?? ''))
      expect(messages).not.toEqual([])
      for (const message of messages ?? []) expect(parseCommand(message)).toMatchObject({ ok: false, id: null })
    })
  }
})

describe('invalid commands', () => {
  /** What a server checks that has no contract: the command's shape, then the data of a publish. */
  const codeOf = (message: unknown): { id: number | null; code: string } | undefined => {
    const parsed = parseCommand(message)
    if (!parsed.ok) return { id: parsed.id, code: parsed.code }
    const isBad = parsed.command.type === 'publish' && payloadProblem(parsed.command.data) !== undefined
    return isBad ? { id: parsed.command.id, code: 'bad-payload' } : undefined
  }

  for (const { name, json, text, hex, id, code } of readVectors('invalid-commands.json')) {
    it(`refuses ${name}`, () => {
      const fromText = hex === undefined ? jsonCodec.decode(text ?? JSON.stringify(json)) : undefined
      const messages = hex === undefined ? fromText : msgpackCodec.decode(bytesOf(hex))
      expect(messages?.map(codeOf)).toEqual([{ id, code }])
      if (json !== undefined) expect(recode(msgpackCodec, messages ?? [])?.map(codeOf)).toEqual([{ id, code }])
    })
  }
})

import { describe, expect, expectTypeOf, it } from 'vitest'
import {
  type Command,
  type ErrorCode,
  isErrorCode,
  type ParsedCommand,
  parseCommand,
  PROTOCOL_LIMITS,
} from './index.js'

const codeOf = (message: unknown): ErrorCode | 'ok' => {
  const parsed = parseCommand(message)
  return parsed.ok ? 'ok' : parsed.code
}

const publish = { type: 'publish', id: 1, channel: 'a', data: 1 }
const subscribe = { type: 'subscribe', id: 1, channel: 'a' }

describe('parseCommand', () => {
  it('hands out the message itself, with the fields it does not know', () => {
    const message = { ...publish, later: true }
    expect(parseCommand(message)).toEqual({ ok: true, command: message })
  })

  it('narrows to a command by its type', () => {
    expectTypeOf<Extract<ParsedCommand, { ok: true }>['command']>().toEqualTypeOf<Command>()
    expectTypeOf<Extract<ParsedCommand, { ok: false }>['code']>().toEqualTypeOf<ErrorCode>()
  })

  it('takes each text up to its limit and not beyond', () => {
    const cases = [
      ['channel', subscribe, PROTOCOL_LIMITS.maxChannelBytes],
      ['from', subscribe, PROTOCOL_LIMITS.maxPositionLength],
      ['publicationId', publish, PROTOCOL_LIMITS.maxPublicationIdLength],
      ['key', publish, PROTOCOL_LIMITS.maxKeyLength],
      ['token', { type: 'connect', id: 1 }, PROTOCOL_LIMITS.maxTokenLength],
      ['client', { type: 'connect', id: 1 }, PROTOCOL_LIMITS.maxClientIdLength],
    ] as const
    for (const [field, command, limit] of cases) {
      expect(codeOf({ ...command, [field]: 'x'.repeat(limit) })).toBe('ok')
      expect(codeOf({ ...command, [field]: 'x'.repeat(limit + 1) })).toBe('bad-command')
      expect(codeOf({ ...command, [field]: '' })).toBe('bad-command')
      expect(codeOf({ ...command, [field]: '\ud83d' })).toBe('bad-command')
    }
  })

  it('takes as many tags as the limit says', () => {
    const tags = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 'x']))
    expect(codeOf({ ...publish, tags: {} })).toBe('ok')
    expect(codeOf({ ...publish, tags: tags(PROTOCOL_LIMITS.maxTags) })).toBe('ok')
    expect(codeOf({ ...publish, tags: tags(PROTOCOL_LIMITS.maxTags + 1) })).toBe('bad-command')
    expect(codeOf({ ...publish, tags: { a: 'x'.repeat(PROTOCOL_LIMITS.maxTagLength + 1) } })).toBe('bad-command')
  })

  it('takes null as data, and undefined as no data', () => {
    expect(codeOf({ ...publish, data: null })).toBe('ok')
    expect(codeOf({ ...publish, data: undefined })).toBe('bad-command')
  })

  it('takes only whole numbers where it counts', () => {
    for (const sub of [0, 15]) expect(codeOf({ ...subscribe, sub })).toBe('ok')
    for (const sub of [-1, 16, 0.5, NaN, Infinity, '1', null, true, 1n]) {
      expect(codeOf({ ...subscribe, sub })).toBe('bad-command')
    }
  })

  it('names the field that is wrong, and nothing the client wrote', () => {
    const parsed = parseCommand({ ...subscribe, policy: '<script>' })
    expect(parsed).toMatchObject({
      ok: false,
      id: 1,
      message: expect.stringMatching(/^policy must be one of/) as string,
    })
    expect(JSON.stringify(parsed)).not.toContain('script')
  })

  it('answers with codes that the protocol lists', () => {
    for (const message of [null, {}, { id: 1 }, { id: 1, type: 'x' }, { ...publish, data: undefined }]) {
      const parsed = parseCommand(message)
      expect(!parsed.ok && isErrorCode(parsed.code)).toBe(true)
    }
  })

  it('sees no field that a message only inherits', () => {
    expect(codeOf(Object.assign(Object.create({ channel: 'a', data: 1 }) as object, { type: 'publish', id: 1 }))).toBe(
      'bad-command',
    )
  })
})

import { channel, defineContract } from '@tidings/contract'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { Channels } from '../channels.js'
import { checkData } from './check-data.js'

const MAX_BYTES = 100
const shown: unknown[] = []
const schema = z.unknown().transform((data) => {
  shown.push(data)
  return data
})
const longer = z.string().transform((text) => text.repeat(2))
const dated = z.string().transform((text) => ({ at: new Date(text), nothing: undefined }))
const mapped = z.unknown().transform(() => ({ all: new Map() }))
const cut = z.unknown().refine(() => false, 'not 😀'.slice(0, 5))
const contract = defineContract({
  seen: channel({ data: schema }),
  doubled: channel({ data: longer }),
  dated: channel({ data: dated }),
  mapped: channel({ data: mapped }),
  cut: channel({ data: cut }),
})
const channels = new Channels(contract, false, 'memory', { perSecond: 1, burst: 1, monotonic: () => 0 })

const check = async (name: string, data: unknown) => {
  const found = channels.find(name)
  if (!found.ok) throw new Error(found.message)
  return checkData(found.channel, data, MAX_BYTES)
}

test.each([
  ['text to the last byte', 'x'.repeat(98)],
  ['text of two bytes a character', 'é'.repeat(49)],
  ['text that is escaped', '\u0000'.repeat(16)],
  ['bytes to the last', new Uint8Array(100)],
])('a schema sees %s', async (_name, data) => {
  shown.length = 0
  expect(await check('seen', data)).toMatchObject({ ok: true })
  expect(shown).toEqual([data])
})

test.each([
  ['one byte too many', 'x'.repeat(99), 'payload-too-large'],
  ['too many because each character has two', 'é'.repeat(50), 'payload-too-large'],
  ['too many once escaped', '\u0000'.repeat(17), 'payload-too-large'],
  ['too many bytes', new Uint8Array(101), 'payload-too-large'],
  ['what no codec carries', { a: '\ud800' }, 'bad-payload'],
])('it is not shown %s', async (_name, data, code) => {
  shown.length = 0
  expect(await check('seen', data)).toMatchObject({ ok: false, code })
  expect(shown).toEqual([])
})

test('what it gives out may be too large too', async () => {
  expect(await check('doubled', 'x'.repeat(49))).toMatchObject({ ok: true })
  expect(await check('doubled', 'x'.repeat(50))).toMatchObject({ ok: false, code: 'payload-too-large' })
})

test('what a schema gives out is stored as JSON carries it', async () => {
  const at = '1970-01-01T00:00:00.000Z'
  expect(await check('dated', at)).toEqual({ ok: true, payload: `{"at":"${at}"}` })
  expect(await check('mapped', 1)).toMatchObject({
    code: 'bad-payload',
    message: 'the data cannot be carried: data.all: Map is not plain JSON',
  })
})

test('what a schema says is well-formed text', async () => {
  const checked = await check('cut', 1)
  expect(checked).toMatchObject({ code: 'invalid-data', message: 'not \ufffd' })
})

import { expect, test } from 'vitest'
import { buildDataFrame, buildFrame, OPCODE } from './frame.js'

test.each([
  [0, [0x82, 0]],
  [125, [0x82, 125]],
  [126, [0x82, 126, 0, 126]],
  [65_535, [0x82, 126, 0xff, 0xff]],
  [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
])('writes the header of %i bytes', (length, header) => {
  const payload = Buffer.alloc(length, 7)
  const frame = buildFrame(OPCODE.binary, payload)
  expect([...frame.subarray(0, header.length)]).toEqual(header)
  expect(frame.subarray(header.length).equals(payload)).toBe(true)
})

test('counts the bytes of text, not its characters', () => {
  const frame = buildFrame(OPCODE.text, 'é'.repeat(63))
  expect([...frame.subarray(0, 4)]).toEqual([0x81, 126, 0, 126])
  expect(frame.subarray(4).toString()).toBe('é'.repeat(63))
})

test('sends text as text and bytes as bytes', () => {
  expect(buildDataFrame('a')).toEqual(Buffer.from([0x81, 1, 0x61]))
  expect(buildDataFrame(new Uint8Array([0x61]))).toEqual(Buffer.from([0x82, 1, 0x61]))
})

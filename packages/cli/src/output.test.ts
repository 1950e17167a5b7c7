import { expect, it } from 'vitest'
import { oneLine } from './output.js'

it.each([
  ['a\nb\r\n c', 'a b c'],
  ['safe\u202egnp.exe', 'safe\\u202egnp.exe'],
  ['\u2066isolated\u2069\u2028next', '\\u2066isolated\\u2069 next'],
  ['\u001b[2Jgone', '\\u001b[2Jgone'],
  ['👩‍👩‍👧 می‌خواهم', '👩‍👩‍👧 می‌خواهم'],
])('oneLine shows %j as it is', (text, expected) => {
  expect(oneLine(text)).toBe(expected)
})

import { expect, test } from 'vitest'
import { chooseDeflateOffer } from './deflate-offer.js'

const FULL = true
const SMALL = false

test.each<[string, string, boolean]>([
  ['permessage-deflate', 'permessage-deflate', FULL],
  ['permessage-deflate; client_max_window_bits', 'permessage-deflate; client_max_window_bits', FULL],
  ['permessage-deflate ;\tserver_max_window_bits = "15"', 'permessage-deflate; server_max_window_bits=15', FULL],
  ['permessage-deflate; server_max_window_bits=10', 'permessage-deflate; server_max_window_bits=10', SMALL],
  // What Chromium, Firefox and Java clients send.
  [
    'permessage-deflate; client_max_window_bits; server_no_context_takeover',
    'permessage-deflate; client_max_window_bits; server_no_context_takeover',
    FULL,
  ],
  // The parameter of a fallback says nothing about the offer before it.
  [
    'permessage-deflate; client_max_window_bits, permessage-deflate; server_max_window_bits=9',
    'permessage-deflate; client_max_window_bits',
    FULL,
  ],
  ['permessage-deflate; server_max_window_bits=7, permessage-deflate', 'permessage-deflate', FULL],
  ['permessage-deflate; mystery, x-webkit-deflate-frame, permessage-deflate', 'permessage-deflate', FULL],
  [', ,permessage-deflate,', 'permessage-deflate', FULL],
])('of %s it takes %s', (header, text, takesFullWindow) => {
  expect(chooseDeflateOffer(header)).toEqual({ text, takesFullWindow })
})

test.each([
  '',
  'x-webkit-deflate-frame',
  'Permessage-Deflate',
  'permessage-deflate; server_max_window_bits',
  'permessage-deflate; server_max_window_bits=7',
  'permessage-deflate; server_max_window_bits=16',
  'permessage-deflate; server_max_window_bits=08',
  'permessage-deflate; server_max_window_bits=1e1',
  'permessage-deflate; client_max_window_bits=99',
  'permessage-deflate; client_max_window_bits=""',
  'permessage-deflate; server_no_context_takeover=1',
  'permessage-deflate; client_no_context_takeover=true',
  'permessage-deflate; constructor',
  'permessage-deflate; __proto__=1',
  'permessage-deflate; client_max_window_bits; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=10; client_max_window_bits=10',
])('%s is declined', (header) => {
  expect([undefined, 'malformed']).toContain(chooseDeflateOffer(header))
})

test.each([
  'permessage-deflate;',
  'permessage-deflate; =10',
  'permessage-deflate client_max_window_bits',
  'permessage-deflate; server_max_window_bits=10=10',
  'permessage-deflate; server_max_window_bits="10',
  'permessage-deflate; server_max_window_bits="',
  '"permessage-deflate"',
  '; permessage-deflate',
  'permessage-deflate; ; client_max_window_bits',
  'permessage-deflate, per message',
  'permessage-deflate/1',
])('%s is malformed', (header) => {
  expect(chooseDeflateOffer(header)).toBe('malformed')
})

test('a long header takes no longer than its length', () => {
  for (const part of [';', ',', 'a;', 'a,', '"', '= ', ' ', 'a; b=', '\t;']) {
    const header = part.repeat(16_384 / part.length)
    expect(['malformed', undefined]).toContain(chooseDeflateOffer(header))
  }
})

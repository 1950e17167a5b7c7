import { expect, test } from 'vitest'
import { hstsFor } from './hsts.js'

test.each(['live.example.com', 'live.example.com:8443', 'LIVE.example.com.', 'intranet', 'localhost.example.com'])(
  'pages of %s are pinned to TLS for a year',
  (host) => expect(hstsFor(host)).toBe('max-age=31536000'),
)

test.each([
  undefined,
  '',
  'localhost',
  'localhost:8443',
  'LOCALHOST',
  'localhost.',
  'chat.localhost:1',
  '127.0.0.1',
  '127.0.0.1:8443',
  '192.0.2.1',
  '[::1]',
  '[::1]:8443',
  '[2001:db8::1]:443',
])('pages of %j are not', (host) => expect(hstsFor(host)).toBeUndefined())

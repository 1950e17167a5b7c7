import { channel, defineContract } from '@tidings/contract'
import { expect, test } from 'vitest'
import { memory } from './backend/memory/index.js'
import { afterTest, LoggedLines } from './node.fixture.js'
import type { TidingsOptions } from './options.js'
import { createTidings } from './tidings.js'

const keys = [{ secret: 'a secret of at least thirty-two bytes' }]

test.each<[string, Partial<TidingsOptions>, boolean]>([
  ['anonymous clients and no hosts', { tokens: { keys, anonymous: true } }, true],
  ['anonymous clients and hosts', { tokens: { keys, anonymous: true }, hosts: ['live.example'] }, false],
  ['tokens from everybody', { tokens: { keys } }, false],
  ['the application’s own decision', { authenticate: () => null }, false],
])('a node with %s warns of pages that are pointed at it: %j', (_name, options, isWarned) => {
  const logger = new LoggedLines()
  const contract = defineContract({ 'chat:{room}': channel({}) })
  const tidings = createTidings({ contract, backend: memory(), logger, ...options })
  afterTest(() => tidings.close())
  const warnings = logger.lines.filter(({ level, text }) => level === 'warn' && text.includes('hosts'))
  expect(warnings).toHaveLength(isWarned ? 1 : 0)
})

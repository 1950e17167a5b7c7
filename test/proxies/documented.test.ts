import { describe, expect, it } from 'vitest'
import { documentedConfiguration, withReplaced } from './documented.js'

describe('the documented configurations', () => {
  it.each(['nginx', 'haproxy', 'caddyfile'] as const)('have one of %s, which leads to the default port', (language) => {
    expect(documentedConfiguration(language)).toContain('127.0.0.1:8080')
  })

  it('are not tried with a piece that they do not have', () => {
    expect(() => withReplaced('listen 80;', { 'listen 81;': '' })).toThrow("has no 'listen 81;'")
  })
})

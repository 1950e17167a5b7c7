import { describe, expect, it } from 'vitest'
import { partsOf } from './links.js'

describe('links', () => {
  const links = (text: string) => partsOf(text).flatMap((part) => (part.kind === 'link' ? [part.href] : []))

  it('are http and https only', () => {
    expect(links('see http://a.example/x and https://b.example')).toEqual(['http://a.example/x', 'https://b.example/'])
    for (const text of ['javascript:alert(1)', 'data:text/html,x', 'ftp://a.example', 'https://', 'www.a.example']) {
      expect(links(text)).toEqual([])
    }
  })

  it('end before the sentence does', () => {
    expect(links('(http://a.example/b(c)). http://a.example, "http://c.example"')).toEqual([
      'http://a.example/b(c)',
      'http://a.example/',
      'http://c.example/',
    ])
  })

  it('lose nothing of the text', () => {
    for (const text of ['', 'a http://a.example. b', 'http://a.example', '<b>https://x.example</b>', 'https://]']) {
      expect(
        partsOf(text)
          .map((part) => part.text)
          .join(''),
      ).toBe(text)
    }
  })

  it('are found in hostile text', () => {
    expect(links('http://'.repeat(280))).toHaveLength(1)
    expect(links(`http://a.example/${')'.repeat(1900)}`)).toEqual(['http://a.example/'])
  })

  it('are found in a million signs in the time that a million signs take', () => {
    for (const signs of [')', '.', ').', '(', '()', '[({', 'x.']) {
      const text = `http://a.example/${signs.repeat(1_000_000 / signs.length)}`
      expect(partsOf(`${text}y`)[0]?.text).toBe(`${text}y`)
      expect(
        partsOf(text)
          .map((part) => part.text)
          .join(''),
      ).toHaveLength(text.length)
    }
    expect(links('http://a '.repeat(100_000))).toHaveLength(100_000)
  })
})

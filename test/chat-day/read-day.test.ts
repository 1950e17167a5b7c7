import { describe, expect, it } from 'vitest'
import { readChatDay, readShape } from '../../fixtures/chat/read-day.mjs'

const day = readChatDay()
const people = day.filter(({ speaker }) => speaker !== 0)
const linesWith = (pattern: RegExp): number => people.filter(({ text }) => pattern.test(text)).length

describe('the lines of the chat day', () => {
  it('have the times, speakers and lengths of the recorded day', () => {
    expect(day.map(({ minute, speaker, text }) => ({ minute, speaker, length: Array.from(text).length }))).toEqual(
      readShape(),
    )
    expect(day).toHaveLength(1979)
  })

  it('are the same each time', () => {
    expect(readChatDay()).toEqual(day)
  })

  it('give each speaker one name, and no two the same', () => {
    const namesOf = new Map(day.map(({ speaker, nick }) => [speaker, nick]))
    expect(day.every(({ speaker, nick }) => namesOf.get(speaker) === nick)).toBe(true)
    expect(namesOf.size).toBe(180)
    expect(new Set(namesOf.values()).size).toBe(180)
  })

  it.each([
    ['Latin letters with accents', /[à-ž]/u],
    ['marks that follow their letter', /[a-z]\p{M}/u],
    ['Greek', /\p{Script=Greek}/u],
    ['Cyrillic', /\p{Script=Cyrillic}/u],
    ['Hebrew', /\p{Script=Hebrew}/u],
    ['Arabic', /\p{Script=Arabic}/u],
    ['Devanagari', /\p{Script=Devanagari}/u],
    ['Thai', /\p{Script=Thai}/u],
    ['Han', /\p{Script=Han}/u],
    ['kana', /\p{Script=Katakana}/u],
    ['Hangul', /\p{Script=Hangul}/u],
    ['surrogate pairs', /[\u{10000}-\u{10ffff}]/u],
    ['emoji that are joined', /\p{Extended_Pictographic}\ufe0f?\u200d/u],
    ['skin tones', /\p{Emoji_Modifier}/u],
    ['flags', /\p{Regional_Indicator}{2}/u],
    ['a word joiner between letters', /\p{L}\u200c\p{L}/u],
    ['byte order marks', /^\ufeff/u],
    ['tabs', /\t/],
    ['repeated spaces', /\S {2}\S/],
    ['spaces at the start', /^ /],
    ['words with no place to break', /\w{40}/],
    ['addresses', /https?:\/\/\S+/],
    ['quotes', /"/],
    ['backslashes', /\\/],
    ['angle brackets', /<\w+/],
    ['ampersands', /&/],
    ['percent signs', /%/],
    ['what looks like JSON', /\{"/],
  ])('contain %s', (_, pattern) => {
    expect(linesWith(pattern)).toBeGreaterThanOrEqual(3)
  })

  it('are well-formed, and mostly plain words', () => {
    expect(day.every(({ text, nick }) => text.isWellFormed() && nick.isWellFormed())).toBe(true)
    expect(linesWith(/^[\x20-\x7e]+$/)).toBeGreaterThan(people.length * 0.7)
  })
})

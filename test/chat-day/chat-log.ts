import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

/** One line of a recorded chat: who said what. */
export interface ChatLine {
  readonly nick: string
  readonly text: string
}

const FIXTURE = resolve(import.meta.dirname, '../../fixtures/chat/ubuntu-irc-2008-04-27.txt')
const SAID = /^\[\d\d:\d\d\] <([^>]+)> ?(.*)$/

/** Joins, renames and the like are said by the channel itself. */
const CHANNEL_NICK = 'ubuntu'

/** The day of 27 April 2008 in #ubuntu, line by line. */
export const readChatDay = (): readonly ChatLine[] =>
  readFileSync(FIXTURE, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const match = SAID.exec(line)
      return match?.[1] === undefined ? { nick: CHANNEL_NICK, text: line } : { nick: match[1], text: match[2] ?? '' }
    })

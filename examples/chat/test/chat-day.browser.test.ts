import type { Client } from '@tidings/client'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readChatDay } from '../../../fixtures/chat/read-day.mjs'
import type { Chat } from '../contract.js'
import { ChatPage, type ShownLine } from './chat-page.js'
import { type ChatServer, startChatServer } from './chat-server.js'
import { launchChromium } from './chromium.js'

let server: ChatServer
let browser: Browser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startChatServer(), launchChromium()])
})

afterAll(async () => {
  await browser.close()
  await server.close()
})

it('shows a day of chat whole, in order and once, through a kill of the server', async () => {
  const day = readChatDay().map(({ nick, text }): ShownLine => ({ author: nick, text }))
  expect(day).toHaveLength(1979)
  const early = await ChatPage.join(browser, `${server.address}/#lobby`, 'early')
  const clients = new Map<string, Client<Chat>>()
  const clientOf = (nick: string): Client<Chat> => {
    const client = clients.get(nick) ?? server.client(nick)
    clients.set(nick, client)
    return client
  }
  let late: ChatPage | undefined
  for (const [index, { author, text }] of day.entries()) {
    const sent = clientOf(author).channel('chat:{room}', { room: 'lobby' }).publish({ text })
    if (index === 1000) {
      await server.process.kill('SIGKILL')
      await server.process.restart()
    }
    expect(await sent).toMatchObject({ ok: true, durability: 'disk' })
    if (index === 1400) late = await ChatPage.join(browser, `${server.address}/#lobby`, 'late')
  }
  // The page is open through a second restart, and catches up with what was said last.
  await server.process.kill('SIGKILL')
  await server.process.restart()
  const [last] = day.slice(-1)
  for (const page of [early, late]) {
    await page?.waitForStatus('Connected')
    await page?.waitForLine(last?.text ?? '')
  }
  expect(await early.read()).toEqual(day)
  await late?.scrollToBeginning()
  expect(await late?.read()).toEqual(day)
  for (const page of [early, late]) {
    expect(await page?.page.locator('.gap').count()).toBe(0)
    expect(page?.complaints).toEqual([])
  }
})

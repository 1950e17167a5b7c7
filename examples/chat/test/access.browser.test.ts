import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { ChatPage } from './chat-page.js'
import { type ChatServer, startChatServer } from './chat-server.js'
import { launchChromium } from './chromium.js'

let server: ChatServer
let browser: Browser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startChatServer(), launchChromium()])
})

afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
})

afterAll(async () => {
  await browser.close()
  await server.close()
})

it('can be used by keyboard alone', async () => {
  const chat = await ChatPage.open(browser, `${server.address}/#keys`)
  const { keyboard } = chat.page
  await chat.page.getByLabel('Your name').waitFor()
  await keyboard.type('ann')
  await keyboard.press('Enter')
  await chat.waitForStatus('Connected')
  await keyboard.type('first')
  await keyboard.press('Shift+Enter')
  await keyboard.type('second')
  await keyboard.press('Enter')
  await chat.waitForLine('first\nsecond')
  const focused = (): Promise<string> =>
    chat.page.evaluate(() => {
      const element = document.activeElement
      return element?.getAttribute('aria-label') ?? element?.textContent.trim() ?? ''
    })
  // Backwards from the text field: the lines, oneself.
  await keyboard.press('Shift+Tab')
  expect(await focused()).toBe('Lines in keys')
  expect(await chat.page.locator('.log').evaluate((log) => getComputedStyle(log).outlineStyle)).toBe('solid')
  await keyboard.press('Shift+Tab')
  expect(await focused()).toMatch(/ann: change name or room$/)
  await keyboard.press('Enter')
  await chat.page.getByRole('dialog', { name: 'Name and room' }).waitFor()
  await keyboard.press('Escape')
  await chat.page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await focused()).toMatch(/change name or room$/)
  await keyboard.press('Tab')
  await keyboard.press('Escape')
  expect(await chat.composer.evaluate((field) => field === document.activeElement)).toBe(true)
})

it('leaves the Enter of an input method to it', async () => {
  const chat = await ChatPage.join(browser, `${server.address}/#input-method`, 'ann')
  await chat.composer.focus()
  const session = await chat.page.context().newCDPSession(chat.page)
  await session.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 })
  await chat.composer.evaluate((field) =>
    field.dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }),
    ),
  )
  await session.send('Input.insertText', { text: '日本' })
  expect(await chat.lines.count()).toBe(0)
  expect(await chat.composer.inputValue()).toBe('日本')
})

it('has names and roles for those who cannot see it', async () => {
  const ann = await ChatPage.join(browser, `${server.address}/#names`, 'ann')
  await ann.say('hello')
  await ann.waitForLine('hello')
  const room = await ann.page.locator('body').ariaSnapshot()
  for (const part of [
    /heading "#?names" \[level=1\]/,
    /status: Connected/,
    /button "ann: change name or room"/,
    /log "Lines in names"/,
    /log "New lines"/,
    /textbox "Write to names"/,
    /button "Send" \[disabled\]/,
    /complementary "People here"/,
  ]) {
    expect(room).toMatch(part)
  }
  const live = ann.page.getByRole('log', { name: 'New lines' })
  expect(await live.getAttribute('aria-live')).toBe('polite')
  expect(await live.textContent()).toBe('')
  await server.client('bob').channel('chat:{room}', { room: 'names' }).publish({ text: 'good morning' })
  await live.getByText('bob: good morning').waitFor()
})

it('counts down near the longest line, and sends none that is longer', async () => {
  const chat = await ChatPage.join(browser, `${server.address}/#long`, 'ann')
  await chat.composer.fill('x'.repeat(1799))
  expect(await chat.page.locator('.left').textContent()).toBe('')
  await chat.composer.fill('x'.repeat(1990))
  await chat.page.getByText('10 characters left').waitFor()
  await chat.composer.fill('x'.repeat(2003))
  await chat.page.getByText('3 characters too many').waitFor()
  await chat.composer.press('Enter')
  expect(await chat.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true)
  expect(await chat.lines.count()).toBe(0)
  await chat.say('x'.repeat(2000))
  await chat.waitForLine('x'.repeat(2000))
})

it('keeps thousands of lines light: those far from the view are not laid out', async () => {
  const room = 'many'
  const channel = server.client('bob').channel('chat:{room}', { room })
  const chat = await ChatPage.join(browser, `${server.address}/#${room}`, 'ann')
  const sent = Array.from({ length: 5000 }, (_, index) => `line ${index + 1}`)
  for (let at = 0; at < sent.length; at += 500) {
    const results = await Promise.all(sent.slice(at, at + 500).map(async (text) => channel.publish({ text })))
    expect(results.filter(({ ok }) => !ok)).toEqual([])
  }
  await chat.waitForLine('line 5000')
  expect(await chat.texts()).toEqual(sent)
  const skipped = await chat.page
    .locator('.chunk')
    .evaluateAll(
      (chunks) =>
        chunks.filter((chunk) => !chunk.firstElementChild?.checkVisibility({ contentVisibilityAuto: true })).length,
    )
  expect(skipped).toBeGreaterThan(90)
  const { total, end } = await chat.page
    .locator('.log')
    .evaluate((log) => ({ total: log.scrollHeight, end: log.scrollTop + log.clientHeight }))
  expect(Math.abs(total - end)).toBeLessThan(2)
})

import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ChatPage } from './chat-page.js'
import { type ChatServer, startChatServer } from './chat-server.js'
import { launchChromium } from './chromium.js'

let server: ChatServer
let browser: Browser
let rooms = 0

const freshRoom = (): string => `room-${++rooms}`
const addressOf = (room: string): string => `${server.address}/#${room}`
const join = (room: string, name: string, ...rest: [Parameters<Browser['newContext']>[0]?]): Promise<ChatPage> =>
  ChatPage.join(browser, addressOf(room), name, ...rest)

/** Publishes lines in order, each after the one before it was kept. */
const write = async (room: string, author: string, texts: readonly string[]): Promise<void> => {
  const channel = server.client(author).channel('chat:{room}', { room })
  for (const text of texts) expect(await channel.publish({ text })).toMatchObject({ ok: true })
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => `line ${index + 1}`)

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

describe('the chat room', () => {
  it('lets two people talk, and tells them apart', async () => {
    const room = freshRoom()
    const ann = await join(room, 'ann')
    const bob = await join(room, 'bob')
    await ann.say('hello bob')
    await bob.waitForLine('hello bob')
    await bob.say('hello ann\nhow are you?')
    await ann.waitForLine('hello ann\nhow are you?')
    const talk = [
      { author: 'ann', text: 'hello bob' },
      { author: 'bob', text: 'hello ann\nhow are you?' },
    ]
    expect(await ann.read()).toEqual(talk)
    expect(await bob.read()).toEqual(talk)
    expect(await ann.page.locator('.line.mine .text').allTextContents()).toEqual(['hello bob'])
    expect([...ann.complaints, ...bob.complaints]).toEqual([])
  })

  it('remembers the name, takes another one, and keeps rooms apart', async () => {
    const room = freshRoom()
    const chat = await join(room, 'ann')
    await chat.say('in the first room')
    await chat.page.reload()
    await chat.waitForStatus('Connected')
    await chat.waitForLine('in the first room')
    await chat.page.getByRole('button', { name: /change name or room/ }).click()
    await chat.page.getByLabel('Your name').fill('ann two')
    await chat.page.getByRole('textbox', { name: 'Room', exact: true }).fill(`${room} b`)
    await chat.page.getByRole('button', { name: 'Save' }).click()
    await chat.page.getByText(`It is quiet in #${room}-b`).waitFor()
    await chat.say('in the second room')
    await chat.waitForLine('in the second room')
    expect(await chat.read()).toEqual([{ author: 'ann two', text: 'in the second room' }])
    expect(chat.page.url()).toBe(addressOf(`${room}-b`))
    await chat.page.goBack()
    await chat.waitForLine('in the first room')
  })

  it('refuses a name that the server would refuse, and says why', async () => {
    const chat = await ChatPage.open(browser, addressOf(freshRoom()))
    await chat.page.getByRole('button', { name: 'Join the room' }).click()
    await chat.page.getByRole('alert').getByText('Please enter a name.').waitFor()
    await chat.page.getByLabel('Your name').fill('a\u200bb')
    await chat.page.keyboard.press('Enter')
    await chat.page.getByRole('alert').getByText('letters, digits and signs').waitFor()
    await chat.page.keyboard.press('Escape')
    await chat.page.keyboard.press('Escape')
    await chat.page.getByLabel('Your name').fill('ann')
    await chat.page.getByRole('button', { name: 'Join the room' }).click()
    await chat.waitForStatus('Connected')
  })

  it('shows what people write as text, and links only what leads to the web', async () => {
    const room = freshRoom()
    const evil = '<script>document.title="x"</script><img src=x onerror="document.title=1"> &amp; javascript:alert(1)'
    await write(room, 'mallory', [evil, 'see https://example.org/a?b=<c> now', 'x'.repeat(1500)])
    const chat = await join(room, '<b>ann</b>')
    await chat.waitForLine('x'.repeat(1500))
    expect((await chat.texts()).slice(0, 2)).toEqual([evil, 'see https://example.org/a?b=<c> now'])
    expect(await chat.page.locator('.log script, .log img, .log b').count()).toBe(0)
    const link = chat.page.locator('.log a')
    expect(await link.count()).toBe(1)
    expect(await link.getAttribute('href')).toBe('https://example.org/a?b=')
    expect(await link.getAttribute('rel')).toContain('noopener')
    const widths = await chat.page.locator('.log').evaluate((log) => [log.scrollWidth, log.clientWidth])
    expect(widths[0]).toBe(widths[1])
    expect(await chat.page.title()).toContain(room)
  })

  it('shows who is here, each person once, and who is typing', async () => {
    const room = freshRoom()
    const ann = await join(room, 'ann')
    const bob = await join(room, 'bob')
    const bobAgain = await join(room, 'bob')
    await ann.page.getByRole('complementary').getByText('2 people here').waitFor()
    await ann.page.getByRole('complementary').getByText('2 tabs').waitFor()
    await bob.composer.pressSequentially('hm')
    await ann.page.getByText('bob is typing', { exact: true }).waitFor()
    expect(await bobAgain.page.locator('.typing').textContent()).toBe('')
    await bob.say('hm, yes')
    await ann.waitForLine('hm, yes')
    expect(await ann.page.locator('.typing').textContent()).toBe('')
    await bob.composer.pressSequentially('and')
    await ann.page.getByText('bob is typing', { exact: true }).waitFor()
    await ann.page.getByText('bob is typing', { exact: true }).waitFor({ state: 'detached', timeout: 15_000 })
    await bob.close()
    await bobAgain.close()
    await ann.page.getByRole('complementary').getByText('1 person here').waitFor({ timeout: 15_000 })
  })

  it('counts unread lines in the title while the reader is away from the end', async () => {
    const room = freshRoom()
    await write(room, 'bob', numbered(120))
    const ann = await join(room, 'ann')
    await ann.waitForLine('line 120')
    await ann.page.locator('.log').evaluate((log) => {
      log.scrollTop -= 300
    })
    await ann.page.getByRole('button', { name: 'Newest lines' }).waitFor()
    const shown = await ann.page.evaluateHandle(() => ({
      title: new Promise<string>((resolve) => {
        new MutationObserver(() => {
          if (document.querySelector('.jump')?.textContent === '2 new lines') resolve(document.title)
        }).observe(document.body, { subtree: true, childList: true, characterData: true })
      }),
    }))
    await write(room, 'bob', ['new a', 'new b'])
    expect(await shown.evaluate(({ title }) => title)).toBe(`(2) #${room} · Tidings chat`)
    await ann.page.getByRole('button', { name: '2 new lines' }).click()
    await ann.page.getByRole('button', { name: /new/i }).waitFor({ state: 'detached' })
    await ann.page.waitForFunction(() => !document.title.startsWith('('))
    expect(await ann.composer.evaluate((field) => field === document.activeElement)).toBe(true)
  })
})

describe('a busy room', () => {
  it('lets the reader scroll up between lines that arrive all the time', async () => {
    const room = freshRoom()
    await write(room, 'bob', numbered(60))
    const ann = await join(room, 'ann')
    await ann.waitForLine('line 60')
    await ann.page.locator('.log').hover()
    const stop = new AbortController()
    const busy = (async () => {
      for (let count = 1; !stop.signal.aborted; count++) await write(room, 'bob', [`more ${count}`])
    })()
    for (let step = 0; step < 5; step++) await ann.page.mouse.wheel(0, -120)
    await ann.page.getByRole('button', { name: /\d new lines?/ }).waitFor()
    const top = await ann.restingTop()
    await ann.page.getByRole('button', { name: /\d\d new lines/ }).waitFor()
    stop.abort()
    await busy
    expect(await ann.page.locator('.log').evaluate((log) => log.scrollTop)).toBe(top)
  })
})

describe('the history', () => {
  it('begins with the last 50 lines, and goes on upwards without moving what is read', async () => {
    const room = freshRoom()
    await write(room, 'bob', numbered(180))
    const ann = await join(room, 'ann', { viewport: { width: 1000, height: 300 } })
    await ann.waitForLine('line 180')
    const log = ann.page.locator('.log')
    expect((await ann.texts()).length).toBeLessThanOrEqual(100)
    // To the first line that is there, and see where it stands once older ones are above it.
    const { start, before } = await ann.lines.first().evaluate((line) => {
      line.scrollIntoView({ block: 'start' })
      return { start: line.querySelector('.text')?.textContent ?? '', before: line.getBoundingClientRect().top }
    })
    await ann.page.waitForFunction((first) => document.querySelector('.log .text')?.textContent !== first, start)
    const after = await ann.lines
      .filter({ hasText: new RegExp(`${start}$`) })
      .first()
      .evaluate((line) => line.getBoundingClientRect().top)
    expect(Math.abs(after - before)).toBeLessThan(40)
    await ann.scrollToBeginning()
    expect(await ann.texts()).toEqual(numbered(180))
    expect(await log.evaluate((element) => element.scrollTop)).toBeGreaterThanOrEqual(0)
  })

  it('says on which day lines were written, and shows a name once for lines that follow each other', async () => {
    const room = freshRoom()
    await write(room, 'bob', ['one', 'two'])
    const ann = await join(room, 'ann')
    await ann.waitForLine('two')
    expect(await ann.page.locator('.day').allTextContents()).toEqual(['Today'])
    expect(await ann.page.locator('.line.opens').count()).toBe(1)
    await ann.page.getByText('Beginning of the history').waitFor()
  })
})

describe('on a phone', () => {
  const phone = { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true }

  it('fits, and shows the people in a drawer', async () => {
    const room = freshRoom()
    await write(room, 'bob', [
      'a line that is long enough to need more than the one row that a narrow screen has for it',
    ])
    const ann = await join(room, 'ann', phone)
    await ann.waitForLine('a line that is long enough to need more than the one row that a narrow screen has for it')
    expect(await ann.page.evaluate(() => document.documentElement.scrollWidth)).toBe(320)
    await ann.page.getByRole('button', { name: /here$/ }).tap()
    await ann.page.getByRole('dialog', { name: '1 person here' }).waitFor()
    await ann.page.getByRole('button', { name: 'Close' }).tap()
    await ann.page.getByRole('dialog').waitFor({ state: 'detached' })
  })
})

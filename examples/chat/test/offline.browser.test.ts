import type { Browser, Page, WebSocketRoute } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ChatPage } from './chat-page.js'
import { type ChatServer, startChatServer } from './chat-server.js'
import { launchChromium } from './chromium.js'

type Message = Readonly<Record<string, unknown>>

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

const messagesIn = (frame: string | Buffer): readonly Message[] =>
  [JSON.parse(String(frame)) as Message | Message[]].flat()

/** Stands between page and server; `answer` may answer a command in the server's place. */
const standBetween =
  (answer: (command: Message, page: WebSocketRoute) => boolean) =>
  (page: Page): Promise<void> =>
    page.routeWebSocket(/\/ws$/, (socket) => {
      const upstream = socket.connectToServer()
      socket.onMessage((frame) => {
        for (const command of messagesIn(frame)) {
          if (!answer(command, socket)) upstream.send(JSON.stringify(command))
        }
      })
    })

describe('without a connection', () => {
  it('keeps what is written, and delivers it once and in order when the network is back', async () => {
    const ann = await ChatPage.join(browser, `${server.address}/#tunnel`, 'ann')
    const bob = await ChatPage.join(browser, `${server.address}/#tunnel`, 'bob')
    await ann.say('before')
    await bob.waitForLine('before')
    await ann.page.context().setOffline(true)
    await ann.waitForStatus('You are offline')
    await bob.say('meanwhile')
    await bob.waitForLine('meanwhile')
    for (const text of ['one', 'two', 'three']) await ann.say(text)
    await expect.poll(() => ann.texts()).toEqual(['before', 'one', 'two', 'three'])
    expect(await ann.page.locator('.line.waiting').count()).toBe(3)
    await ann.page.context().setOffline(false)
    await bob.waitForLine('three')
    await ann.waitForLine('three')
    const all = ['before', 'meanwhile', 'one', 'two', 'three']
    expect(await ann.texts()).toEqual(all)
    expect(await bob.texts()).toEqual(all)
    expect(await ann.page.locator('.line .state').count()).toBe(0)
  })

  it('counts down to the next attempt, tries at once when asked, and loses nothing to a killed server', async () => {
    /** Waits grow to the longest one, which never ends by itself. */
    const endlessWait = async (page: Page): Promise<void> => {
      await page.addInitScript(() => {
        Math.random = () => 0.999
        const wait = window.setTimeout.bind(window)
        const never = 2 ** 31 - 1
        window.setTimeout = ((callback: () => void, ms = 0) =>
          wait(callback, ms >= 4000 ? never : ms)) as typeof setTimeout
      })
    }
    const ann = await ChatPage.join(browser, `${server.address}/#killed`, 'ann', {}, endlessWait)
    await ann.say('before')
    await ann.waitForLine('before')
    await server.process.kill('SIGKILL')
    await ann.waitForStatus('Reconnecting')
    await ann.say('into the dark')
    await ann.say('and more')
    await ann.page.getByRole('status').getByText('Connection lost. Reconnecting.').waitFor()
    await ann.page.getByText('Reconnecting in 5 s').waitFor({ timeout: 60_000 })
    await server.process.restart()
    await ann.page.getByRole('button', { name: 'Try now' }).click()
    await ann.page.getByText('Connected', { exact: true }).first().waitFor()
    await ann.waitForStatus('Connected')
    await ann.waitForLine('and more')
    expect(await ann.texts()).toEqual(['before', 'into the dark', 'and more'])
    await ann.page.reload()
    await ann.waitForLine('and more')
    expect(await ann.texts()).toEqual(['before', 'into the dark', 'and more'])
  })

  it('warns before lines that were not sent are thrown away with the page', async () => {
    const ann = await ChatPage.join(browser, `${server.address}/#leaving`, 'ann')
    await ann.page.context().setOffline(true)
    await ann.waitForStatus('You are offline')
    await ann.say('not sent yet')
    const dialog = ann.page.waitForEvent('dialog')
    const closing = ann.page.close({ runBeforeUnload: true })
    expect((await dialog).type()).toBe('beforeunload')
    await (await dialog).dismiss()
    await closing
    expect(await ann.texts()).toEqual(['not sent yet'])
  })
})

describe('a line that the server refuses', () => {
  it('says why, and can be sent again or deleted', async () => {
    let refusing = true
    const refuse = standBetween((command, page) => {
      if (command.type !== 'publish' || String(command.channel).startsWith('typing') || !refusing) return false
      page.send(JSON.stringify({ type: 'error', id: command.id, code: 'forbidden', message: 'no', retryable: false }))
      return true
    })
    const ann = await ChatPage.join(browser, `${server.address}/#refused`, 'ann', {}, refuse)
    await ann.say('please')
    await ann.say('or not')
    await expect
      .poll(() => ann.page.getByRole('alert').allTextContents())
      .toEqual(Array(2).fill('Not sent. You may not write here.'))
    await ann.page.getByRole('button', { name: 'Delete' }).last().click()
    await expect.poll(() => ann.texts()).toEqual(['please'])
    refusing = false
    await ann.page.getByRole('button', { name: 'Send again' }).click()
    await ann.waitForLine('please')
    expect(await ann.texts()).toEqual(['please'])
    expect(await ann.page.getByRole('alert').count()).toBe(0)
  })
})

describe('a line of which nobody knows whether it arrived', () => {
  it('says so, and is sent again only when asked', async () => {
    let swallowing = true
    const swallow = async (page: Page): Promise<void> => {
      await page.routeWebSocket(/\/ws$/, (socket) => {
        const upstream = socket.connectToServer()
        socket.onMessage((frame) => {
          const isLine = messagesIn(frame).some(({ type, channel }) => type === 'publish' && channel === 'chat:doubt')
          if (!(isLine && swallowing)) upstream.send(frame)
        })
        upstream.onMessage((frame) => {
          // The SDK gives up on what is not acknowledged within this time.
          const messages = messagesIn(frame).map((message) =>
            message.type === 'connected' ? { ...message, retryWindowMs: 500 } : message,
          )
          socket.send(JSON.stringify(messages))
        })
      })
    }
    const ann = await ChatPage.join(browser, `${server.address}/#doubt`, 'ann', {}, swallow)
    await ann.say('hello?')
    await ann.page
      .getByRole('alert')
      .getByText(/nobody can tell whether this line arrived.*may appear twice/)
      .waitFor()
    swallowing = false
    await ann.page.getByRole('button', { name: 'Send again' }).click()
    await ann.waitForLine('hello?')
    expect(await ann.texts()).toEqual(['hello?'])
  })
})

describe('a gap', () => {
  const openWithGap = async (room: string, gap: Message): Promise<ChatPage> => {
    const channel = server.client('bob').channel('chat:{room}', { room })
    let socket: WebSocketRoute | undefined
    const keep = standBetween((_command, page) => {
      socket = page
      return false
    })
    const ann = await ChatPage.join(browser, `${server.address}/#${room}`, 'ann', {}, keep)
    await channel.publish({ text: 'before' })
    await ann.waitForLine('before')
    socket?.send(JSON.stringify({ type: 'gap', channel: `chat:${room}`, from: 'a', to: 'b', ...gap }))
    await ann.page.getByText(/missing here/).waitFor()
    await channel.publish({ text: 'after' })
    await ann.waitForLine('after')
    return ann
  }

  it('stands in its place and says how much is missing', async () => {
    const ann = await openWithGap('trimmed', { reason: 'trimmed', missed: 12 })
    await ann.page.getByText('12 lines are missing here: the server no longer has them.').waitFor()
    expect(
      await ann.page.locator('.chunk').evaluate((chunk) => [...chunk.children].map((row) => row.className)),
    ).toEqual(['day', 'line opens', 'gap', 'line opens'])
    expect(await ann.page.getByRole('button', { name: 'Load what there is' }).count()).toBe(0)
  })

  it('goes when the server still has what was skipped', async () => {
    const ann = await openWithGap('skipped', { reason: 'skipped', missed: null })
    await ann.page.getByRole('button', { name: 'Load what there is' }).click()
    await ann.page.locator('.gap').waitFor({ state: 'detached' })
    expect(await ann.texts()).toEqual(['before', 'after'])
  })
})

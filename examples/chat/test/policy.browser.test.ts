import { mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, NodeProcess } from '@tidings/testing'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { makePair, writePair } from '../../../test/certificates/certificates.js'
import { ChatPage } from './chat-page.js'
import { type ChatServer, startChatServer } from './chat-server.js'
import { launchChromium } from './chromium.js'

const ROOT = resolve(import.meta.dirname, '../../..')
const CLI = join(ROOT, 'packages/cli/bin/tidings.js')
const CONFIG = join(ROOT, 'examples/chat/tidings.config.ts')

let server: ChatServer
let browser: Browser

beforeAll(async () => {
  ;[server, browser] = await Promise.all([startChatServer(), launchChromium()])
})

afterAll(async () => {
  await browser.close()
  await server.close()
})

/** Where the chat room is served over TLS, with a certificate that nobody knows. */
const startTls = async (): Promise<string> => {
  const dir = mkdtempSync(join(tmpdir(), 'tidings-chat-tls-'))
  const { cert, key } = await writePair(dir, await makePair())
  const port = await freePort()
  const flags = ['--dev', '--memory', '--config', CONFIG, '--port', `${port}`, '--tls-cert', cert, '--tls-key', key]
  const address = `https://localhost:${port}`
  const node = NodeProcess.spawn({ command: [process.execPath, CLI, 'serve', ...flags], cwd: dir, healthUrl: address })
  onTestFinished(async () => {
    await node.kill('SIGTERM')
    rmSync(dir, { recursive: true, force: true })
  })
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      get(`${address}/healthz`, { rejectUnauthorized: false }, (response) =>
        resolve(response.resume().complete || true),
      ).on('error', () => resolve(false))
    })
  while (!(await answers())) await sleep(50)
  return address
}

/** Which violation of its policy the page is told of when it connects there. */
const violationOf = ({ page }: ChatPage, url: string): Promise<string> =>
  page.evaluate(
    (target) =>
      new Promise<string>((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective))
        const socket = new WebSocket(target)
        socket.onopen = () => resolve('connected')
      }),
    url,
  )

it('connects over ws under the policy that the server sends, and to its own host only', async () => {
  const chat = await ChatPage.join(browser, `${server.address}/#policy`, 'ann')
  await chat.composer.fill('under a policy')
  await chat.composer.press('Enter')
  await chat.waitForLine('under a policy')
  expect(chat.complaints).toEqual([])
  expect(await violationOf(chat, 'ws://127.0.0.1:9/ws')).toBe('connect-src')
})

it('connects over wss under that policy', async () => {
  const address = await startTls()
  const chat = await ChatPage.join(browser, `${address}/#policy`, 'ann', { ignoreHTTPSErrors: true })
  await chat.composer.fill('over TLS')
  await chat.composer.press('Enter')
  await chat.waitForLine('over TLS')
  expect(chat.complaints).toEqual([])
  expect(await violationOf(chat, 'wss://127.0.0.1:9/ws')).toBe('connect-src')
})

it('is not shown in a frame of another site', async () => {
  const page = await browser.newPage()
  const refused = page.waitForEvent('console', (line) => line.text().includes('frame-ancestors'))
  await page.setContent(`<iframe src="${server.address}/"></iframe>`)
  await refused
  const framed = page.frames().find((frame) => frame !== page.mainFrame())
  expect(await framed?.locator('#app').count()).toBe(0)
})

import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

export interface ShownLine {
  readonly author: string
  readonly text: string
}

/** The chat room as somebody sees it in a browser of their own. */
export class ChatPage {
  readonly page: Page
  /** What the page complained about in the console, failed connections apart. */
  readonly complaints: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.complaints.push(String(error)))
    page.on('console', (line) => {
      if (line.type() === 'error' && !/ERR_|WebSocket connection/.test(line.text())) this.complaints.push(line.text())
    })
  }

  /** Opens the page; it asks for a name. `before` runs before anything is loaded. */
  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
    before: (page: Page) => Promise<void> = () => Promise.resolve(),
  ): Promise<ChatPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
    const page = await context.newPage()
    await before(page)
    const chat = new ChatPage(page)
    await page.goto(url)
    return chat
  }

  static async join(
    browser: Browser,
    url: string,
    name: string,
    options?: BrowserContextOptions,
    before?: (page: Page) => Promise<void>,
  ): Promise<ChatPage> {
    const chat = await ChatPage.open(browser, url, options, before)
    await chat.page.getByLabel('Your name').fill(name)
    await chat.page.getByRole('button', { name: 'Join the room' }).click()
    await chat.waitForStatus('Connected')
    return chat
  }

  get composer() {
    return this.page.getByRole('textbox', { name: /^Write to/ })
  }

  get lines() {
    return this.page.locator('.log .line')
  }

  async say(text: string): Promise<void> {
    await this.composer.fill(text)
    await this.composer.press('Enter')
  }

  async waitForStatus(words: string): Promise<void> {
    await this.page.locator('.status-words', { hasText: words }).waitFor()
  }

  /** Waits until a line that was delivered has exactly this text. */
  async waitForLine(text: string): Promise<void> {
    await this.lines
      .filter({ has: this.page.locator('time') })
      .getByText(text, { exact: true })
      .first()
      .waitFor()
  }

  /** Every line in the page, delivered or not, from the top. */
  async read(): Promise<readonly ShownLine[]> {
    return this.lines.evaluateAll((lines) =>
      lines.map((line) => ({
        author: line.querySelector('.author')?.textContent ?? '',
        text: line.querySelector('.text')?.textContent ?? '',
      })),
    )
  }

  async texts(): Promise<readonly string[]> {
    return (await this.read()).map(({ text }) => text)
  }

  /** Where the log stands once it moves no more: turns of the wheel arrive after `mouse.wheel` returned. */
  async restingTop(): Promise<number> {
    return this.page.locator('.log').evaluate(async (log) => {
      const QUIET_MS = 500
      for (let quietSince = performance.now(), top = log.scrollTop; ; ) {
        await new Promise(requestAnimationFrame)
        if (log.scrollTop !== top) [top, quietSince] = [log.scrollTop, performance.now()]
        else if (performance.now() - quietSince > QUIET_MS) return top
      }
    })
  }

  /** Scrolls up until the room's first line is in the page. */
  async scrollToBeginning(): Promise<void> {
    const beginning = this.page.getByText('Beginning of the history')
    while (!(await beginning.isVisible())) {
      const count = await this.lines.count()
      await this.page.locator('.log').evaluate((log) => {
        log.scrollTop = 0
      })
      await this.page.waitForFunction(
        (before) =>
          document.querySelectorAll('.log .line').length > before ||
          document.body.textContent.includes('Beginning of the history'),
        count,
      )
    }
  }

  async close(): Promise<void> {
    await this.page.context().close()
  }
}

import { execFileSync } from 'node:child_process'
import { chmod, mkdir, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { get, served, type Served, temporaryDir } from '../test/run-tidings.js'

const SECRET = 'not for everybody'

interface Site extends Served {
  readonly pages: string
}

/** A page at the root and one below, beside files that must stay unseen. */
const site = async (): Promise<Site> => {
  const dir = await temporaryDir('tidings pages ')
  const pages = join(dir, 'built page')
  await mkdir(join(pages, 'assets'), { recursive: true })
  await mkdir(join(pages, '.git'))
  await mkdir(join(dir, 'built page of others'))
  const files: Readonly<Record<string, string>> = {
    'secret.txt': SECRET,
    'built page of others/secret.txt': SECRET,
    'built page/.env': SECRET,
    'built page/.git/config': SECRET,
    'built page/index.html': '<h1>the page</h1>',
    'built page/about.html': '<h1>about</h1>',
    'built page/assets/index-Ab3dE6gH.js': 'export {}',
    'tidings.config.json': JSON.stringify({
      pages: [
        { title: 'Front', path: '/', dir: 'built page' },
        { title: 'Chat room', path: '/chat', dir: './built page' },
      ],
    }),
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text)
  return { ...(await served(['--dev', '--memory'], { dir })), pages }
}

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])

describe('pages', () => {
  it('are served at their paths, and their addresses printed', async () => {
    const { run, port } = await site()
    expect(run.stdout).toContain(
      `  Front      http://127.0.0.1:${port}/\n  Chat room  http://127.0.0.1:${port}/chat/\n`,
    )
    for (const target of ['/', '/index.html', '/?a=/../b', '/chat/', '/chat/index.html']) {
      expect(await get(port, target)).toMatch(/^HTTP\/1\.1 200 [^]*<h1>the page/)
    }
    expect(await get(port, '/chat?x=1')).toMatch(/^HTTP\/1\.1 308 [^]*location: \/chat\/\?x=1\r\n/)
    expect(statusOf(await get(port, '/chatter'))).toBe(404)
    expect(statusOf(await get(port, '/chat/none.js'))).toBe(404)
    expect(await get(port, '/healthz')).toContain('"status":"ok"')
  })

  it('are not sniffed, asked for again each time, and kept where the name says the content', async () => {
    const { port } = await site()
    const page = await get(port, '/')
    expect(page).toMatch(/cache-control: no-cache\r\n/i)
    expect(page).toMatch(/content-type: text\/html;charset=utf-8\r\n/i)
    const asset = await get(port, '/assets/index-Ab3dE6gH.js')
    expect(asset).toMatch(/cache-control: public, max-age=31536000, immutable\r\n/i)
    expect(asset).toMatch(/content-type: text\/javascript\r\n/i)
    for (const answer of [page, asset, await get(port, '/none')]) {
      expect(answer).toMatch(/x-content-type-options: nosniff\r\n/i)
    }
    const etag = /etag: (.*)\r\n/i.exec(page)?.[1] ?? ''
    expect(statusOf(await get(port, '/', `If-None-Match: ${etag}`))).toBe(304)
  })

  it('are served anew after they were built anew', async () => {
    const { port, pages } = await site()
    await writeFile(join(pages, 'index.html'), '<h1>another, longer page</h1>')
    expect(await get(port, '/')).toContain('<h1>another, longer page</h1>')
  })

  it.each([
    '/../secret.txt',
    '/../../etc/passwd',
    '/../../../../../../etc/passwd',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/..\\secret.txt',
    '/%252e%252e/secret.txt',
    '/assets/../../secret.txt',
    '/../built%20page%20of%20others/secret.txt',
    '//../secret.txt',
    '/chat/../../secret.txt',
    '/chat/%2e%2e/%2e%2e/secret.txt',
    '/.env',
    '/%2eenv',
    '/.git/config',
    '/chat/.git/config',
    '/assets/..%2f.env',
    '/index.html%00.txt',
    '/%ff%fe',
    '/%',
    'http://127.0.0.1/secret.txt',
    'http://127.0.0.1/../secret.txt',
    '*',
  ])('give nothing away at %s', async (target) => {
    const { port } = await site()
    const answer = await get(port, target)
    expect(answer).not.toContain(SECRET)
    expect(answer).not.toContain('root:')
    expect([400, 404]).toContain(statusOf(answer))
  })

  it('survive ranges that make no sense, and files that cannot be read or vanish', async () => {
    const { port, pages } = await site()
    for (const range of ['bytes=5-2', 'bytes=99999-', 'bytes=-', 'nonsense']) {
      expect(statusOf(await get(port, '/', `Range: ${range}`))).toBe(200)
    }
    await writeFile(join(pages, 'unreadable.txt'), SECRET)
    await chmod(join(pages, 'unreadable.txt'), 0)
    await get(port, '/unreadable.txt')
    await rm(pages, { recursive: true })
    expect(statusOf(await get(port, '/'))).toBe(404)
    expect(await get(port, '/healthz')).toContain('"status":"ok"')
  })

  it('are sent with a policy: connections and frames of their own host, and no referrer for others', async () => {
    const { port } = await site()
    for (const target of ['/', '/about', '/assets/index-Ab3dE6gH.js']) {
      const answer = await get(port, target)
      expect(answer).toMatch(/content-security-policy: connect-src 'self'; frame-ancestors 'self';.*\r\n/i)
      expect(answer).toMatch(/referrer-policy: same-origin\r\n/i)
    }
  })

  it('have the policy that the configuration says', async () => {
    const dir = await temporaryDir()
    await mkdir(join(dir, 'page'))
    await writeFile(join(dir, 'page/index.html'), 'page')
    const page = { title: 'Page', dir: 'page' }
    const pages = [
      { ...page, path: '/', csp: "default-src 'none'" },
      { ...page, path: '/open', csp: '' },
    ]
    await writeFile(join(dir, 'tidings.config.json'), JSON.stringify({ pages }))
    const { port } = await served(['--dev', '--memory'], { dir })
    expect(await get(port, '/')).toMatch(/content-security-policy: default-src 'none'\r\n/i)
    expect(await get(port, '/open/')).not.toMatch(/content-security-policy/i)
  })

  it('follow links within the folder and none that leads out', async () => {
    const { port, pages } = await site()
    await symlink('about.html', join(pages, 'within.html'))
    await symlink('assets', join(pages, 'folder'))
    await symlink('../secret.txt', join(pages, 'out.txt'))
    await symlink(join(pages, '..', 'secret.txt'), join(pages, 'absolute.txt'))
    await symlink('..', join(pages, 'parent'))
    await symlink('out.txt', join(pages, 'twice.txt'))
    await symlink('../built page of others', join(pages, 'neighbour'))
    await symlink('endless.txt', join(pages, 'endless.txt'))
    await symlink('../secret.txt', join(pages, 'index.htm'))
    execFileSync('mkfifo', [join(pages, 'pipe')])
    expect(await get(port, '/within.html')).toContain('<h1>about')
    expect(await get(port, '/folder/index-Ab3dE6gH.js')).toContain('export {}')
    const outside = ['/out.txt', '/absolute.txt', '/parent/secret.txt', '/twice.txt', '/neighbour/secret.txt']
    for (const target of [...outside, '/endless.txt', '/index.htm', '/pipe', '/assets']) {
      const answer = await get(port, target)
      expect(answer).not.toContain(SECRET)
      expect(statusOf(answer)).toBe(404)
    }
  })

  it('are served from a folder that is a link, and from the next one when it is swapped', async () => {
    const dir = await temporaryDir()
    for (const name of ['1', '2']) {
      await mkdir(join(dir, name))
      await writeFile(join(dir, name, 'index.html'), `release ${name}`)
    }
    await symlink('1', join(dir, 'current'))
    const pages = [{ title: 'Page', path: '/', dir: 'current' }]
    await writeFile(join(dir, 'tidings.config.json'), JSON.stringify({ pages }))
    const { port } = await served(['--dev', '--memory'], { dir })
    expect(await get(port, '/')).toContain('release 1')
    await symlink('2', join(dir, 'next'))
    await rename(join(dir, 'next'), join(dir, 'current'))
    expect(await get(port, '/')).toContain('release 2')
  })

  it('give nothing away while a link is swapped under them all the time', async () => {
    const { port, pages } = await site()
    const path = join(pages, 'swapped')
    await mkdir(path)
    await writeFile(join(path, 'secret.txt'), 'harmless')
    let isOver = false
    const swap = async (): Promise<void> => {
      while (!isOver) {
        await rename(path, join(pages, 'aside'))
        await symlink('..', path)
        await unlink(path)
        await rename(join(pages, 'aside'), path)
      }
    }
    const swapping = swap()
    const answers: string[] = []
    for (let times = 0; times < 150; times++) answers.push(await get(port, '/swapped/secret.txt'))
    isOver = true
    await swapping
    expect(answers.filter((answer) => answer.includes(SECRET))).toEqual([])
    expect(answers.some((answer) => answer.includes('harmless'))).toBe(true)
  })

  it('answer HEAD with the head alone', async () => {
    const { port } = await site()
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'HEAD' })
    expect([answer.status, answer.headers.get('content-length'), await answer.text()]).toEqual([200, '17', ''])
  })
})

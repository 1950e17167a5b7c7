import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { makePair, type PemFiles, type PemPair, writePair } from '../../../../test/certificates/certificates.js'
import { loadCertificate } from './certificate.js'
import { CertificateWatch } from './certificate-watch.js'

const LOOK_EVERY_MS = 20
const KEPT = 'The certificate from before stays in use.'

const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'tidings-watch-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  return dir
}

/** What the watch told, one after the other. */
class Told {
  readonly #told: string[] = []
  #wake: () => void = () => undefined

  readonly listener = {
    renewed: ({ context }: { context: { cert?: unknown } }): void => this.#tell(String(context.cert)),
    warn: (sentence: string): void => this.#tell(sentence),
  }

  async next(): Promise<string> {
    for (;;) {
      const told = this.#told.shift()
      if (told !== undefined) return told
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Passes over that half of a pair did not belong to the other yet: the watch may look between the two. */
  async renewal(): Promise<string> {
    for (;;) {
      const told = await this.next()
      if (!told.endsWith(KEPT)) return told
    }
  }

  #tell(text: string): void {
    this.#told.push(text)
    this.#wake()
  }
}

const watched = async (files: PemFiles): Promise<Told> => {
  const told = new Told()
  const watch = new CertificateWatch(files, await loadCertificate(files), told.listener, LOOK_EVERY_MS)
  onTestFinished(() => watch.stop())
  return told
}

/** Never half there, as what is written in place may be for a moment. */
const replace = async (path: string, text: string): Promise<void> => {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

/** Puts a link in the place of another at once, as renewing programs do. */
const relink = async (target: string, path: string): Promise<void> => {
  await symlink(target, `${path}.new`)
  await rename(`${path}.new`, path)
}

const pairs = async (): Promise<readonly [PemPair, PemPair]> => [await makePair(), await makePair()]

describe('CertificateWatch', () => {
  it('hands over a pair that was written in place', async () => {
    const [before, after] = await pairs()
    const dir = await folder()
    const told = await watched(await writePair(dir, before))
    await writePair(dir, after)
    expect(await told.renewal()).toBe(after.cert)
    await writePair(dir, before)
    expect(await told.renewal()).toBe(before.cert)
  })

  it('hands over files that were renamed into place', async () => {
    const [before, after] = await pairs()
    const dir = await folder()
    const files = await writePair(dir, before)
    const told = await watched(files)
    await mkdir(join(dir, 'new'))
    const next = await writePair(join(dir, 'new'), after)
    await rename(next.cert, files.cert)
    await rename(next.key, files.key)
    expect(await told.renewal()).toBe(after.cert)
  })

  it('hands over what links lead to, swapped one by one as by certbot', async () => {
    const [before, after] = await pairs()
    const dir = await folder()
    for (const [name, pair] of [
      ['1', before],
      ['2', after],
    ] as const) {
      await mkdir(join(dir, name))
      await writePair(join(dir, name), pair)
    }
    const files = { cert: join(dir, 'fullchain.pem'), key: join(dir, 'privkey.pem') }
    await relink('1/cert.pem', files.cert)
    await relink('1/key.pem', files.key)
    const told = await watched(files)
    await relink('2/cert.pem', files.cert)
    await relink('2/key.pem', files.key)
    expect(await told.renewal()).toBe(after.cert)
  })

  it('hands over what a folder of links leads to, swapped at once as by Kubernetes', async () => {
    const [before, after] = await pairs()
    const dir = await folder()
    for (const [name, pair] of [
      ['..1', before],
      ['..2', after],
    ] as const) {
      await mkdir(join(dir, name))
      await writePair(join(dir, name), pair)
    }
    await relink('..1', join(dir, '..data'))
    const files = { cert: join(dir, 'tls.crt'), key: join(dir, 'tls.key') }
    await symlink('..data/cert.pem', files.cert)
    await symlink('..data/key.pem', files.key)
    const told = await watched(files)
    await relink('..2', join(dir, '..data'))
    expect(await told.renewal()).toBe(after.cert)
  })

  it('keeps the pair in use while what is there is half written, wrong or gone, and says so once', async () => {
    const [before, after] = await pairs()
    const files = await writePair(await folder(), before)
    const told = await watched(files)
    await replace(files.cert, after.cert.slice(0, 200))
    expect(await told.next()).toMatch(new RegExp(`cert.pem holds no certificate .*${KEPT}$`))
    await replace(files.cert, after.cert)
    expect(await told.next()).toMatch(new RegExp(`does not belong .*${KEPT}$`))
    await rm(files.key)
    expect(await told.next()).toMatch(new RegExp(`there is no such file\\. ${KEPT}$`))
    await replace(files.key, after.key)
    expect(await told.next()).toBe(after.cert)
  })

  it('says that the pair in use has expired, and that its successor has', async () => {
    const [expired, again] = [
      await makePair({ validToMs: Date.now() - 5000 }),
      await makePair({ validToMs: Date.now() - 2000 }),
    ]
    const dir = await folder()
    const told = await watched(await writePair(dir, expired))
    expect(await told.next()).toMatch(/^The certificate expired at /)
    await writePair(dir, again)
    expect(await told.renewal()).toBe(again.cert)
    expect(await told.next()).toMatch(/^The certificate expired at /)
  })

  it('says each day that the pair in use will end soon, and no more once it was renewed', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const day = 86_400_000
    const now = Date.now()
    const files = await writePair(
      await folder(),
      await makePair({ validFromMs: now - 80 * day, validToMs: now + 10.5 * day }),
    )
    const told = await watched(files)
    expect(await told.next()).toContain(', in 10 days, ')
    vi.setSystemTime(now + day)
    expect(await told.next()).toContain(', in 9 days, ')
    const next = await makePair({ validFromMs: now - day, validToMs: now + 89 * day })
    await writePair(join(files.cert, '..'), next)
    expect(await told.renewal()).toBe(next.cert)
    vi.setSystemTime(now + 79.5 * day)
    expect(await told.next()).toContain(', in 9 days, ')
    vi.setSystemTime(now + 90 * day)
    expect(await told.next()).toMatch(/^The certificate expired at /)
  })
})

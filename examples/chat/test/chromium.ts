import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packed from '@sparticuz/chromium'
import { type Browser, chromium } from 'playwright-core'

interface Executable {
  readonly path: string
  readonly env: Record<string, string>
}

const environment = (): Record<string, string> => ({
  // The package brings a font for systems that have none.
  ...(existsSync('/etc/fonts/fonts.conf') ? undefined : { FONTCONFIG_PATH: join(tmpdir(), 'fonts') }),
  ...Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  ),
})

/** Calls with other environment variables, for a package that is told by them where it is. */
const withEnv = async <T>(changes: Record<string, string>, call: () => Promise<T>): Promise<T> => {
  const before = { ...process.env }
  Object.assign(process.env, changes)
  try {
    return await call()
  } finally {
    process.env = before
  }
}

const startsHere = ({ path, env }: Executable): boolean =>
  spawnSync(path, ['--headless', '--no-sandbox', '--version'], { env, timeout: 30_000 }).status === 0

/** The browser is inside the package. Where the system lacks libraries that it needs, so are they. */
const unpack = async (): Promise<Executable> => {
  const plain = { path: await packed.executablePath(), env: environment() }
  if (startsHere(plain)) return plain
  const folder = join(tmpdir(), 'tidings-chromium')
  mkdirSync(folder, { recursive: true })
  const path = await withEnv({ TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: 'nodejs20.x' }, () => packed.executablePath())
  return { path, env: { ...environment(), LD_LIBRARY_PATH: join(folder, 'al2023', 'lib') } }
}

/** A browser that asks nobody for anything. The caller closes it. */
export const launchChromium = async (): Promise<Browser> => {
  const { path, env } = await unpack()
  return chromium.launch({
    executablePath: path,
    env,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-domain-reliability',
      '--no-pings',
    ],
  })
}

import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort, NodeProcess } from '../node-process.js'
import type { TargetOptions } from './target.js'

export interface AttackedNodeOptions {
  /** The command line of Tidings, such as `[process.execPath, 'tidings.js']`; `serve` and its options are added. */
  readonly program: readonly [string, ...string[]]
  /**
   * `tokens`: as strangers reach it, with keys, rules and compression. `proxied`: the same behind a proxy on this machine. `dev`: the
   * dev profile.
   */
  readonly profile: 'tokens' | 'proxied' | 'dev'
  /** PEM files of a certificate for 127.0.0.1 and its key, and the authority that vouches for it. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string }
}

export interface AttackedNode {
  /** What `runAttacks` needs to know of it. */
  readonly target: TargetOptions
  readonly process: NodeProcess
  stop(): Promise<void>
}

/** The bystander and the attacker's first look come from the proxy's own address, and count too. */
const PROXIED_CONNECTIONS = 10
const LOOK_MS = 20
const AUDIENCE = 'attacked'
const ISSUER = 'https://issuer.example'

/** A node of `tidings serve` that is there to be attacked, as a process of its own. Rejects when it does not start. */
export const startAttackedNode = async ({ program, profile, tls }: AttackedNodeOptions): Promise<AttackedNode> => {
  const dir = await mkdtemp(join(tmpdir(), 'tidings-attacked-'))
  const secret = randomBytes(32).toString('hex')
  const publicKey = generateKeyPairSync('rsa', { modulusLength: 2048 })
    .publicKey.export({ format: 'pem', type: 'spki' })
    .toString()
  const config = {
    memory: true,
    compression: true,
    origins: ['https://app.example', 'capacitor://localhost'],
    ...(tls === undefined ? undefined : { tlsCert: tls.cert, tlsKey: tls.key }),
    ...(profile === 'dev' ? { dev: true } : guarded(secret, publicKey)),
    ...(profile === 'proxied' && {
      trustedProxies: ['127.0.0.1'],
      limits: { maxConnectionsPerAddress: PROXIED_CONNECTIONS },
    }),
  }
  await writeFile(join(dir, 'tidings.config.json'), JSON.stringify(config))
  const port = await freePort()
  const node = NodeProcess.spawn({
    command: [...program, 'serve', '--port', String(port)],
    healthUrl: `http://127.0.0.1:${port}/healthz`,
    cwd: dir,
  })
  const stop = async (): Promise<void> => {
    await node.kill('SIGTERM')
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await (tls === undefined ? node.healthy() : printed(node, 'Health'))
  } catch (error) {
    await stop()
    throw error
  }
  const target: TargetOptions = {
    url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}/ws`,
    pid: node.pid,
    ...(profile === 'proxied' && { proxiedConnections: PROXIED_CONNECTIONS }),
    ...(tls === undefined ? undefined : { ca: tls.ca }),
    ...(profile === 'dev'
      ? undefined
      : {
          signing: { algorithm: 'HS256', key: secret, kid: 'hs', audience: AUDIENCE, issuer: ISSUER },
          publicKeys: [publicKey],
        }),
  }
  return { target, process: node, stop }
}

/** Waits until it printed this: its health cannot be asked for without its certificate. Rejects when it ends before. */
const printed = async (node: NodeProcess, text: string): Promise<void> => {
  const ended = node.exit.then(() => true)
  while (!node.output.includes(text)) {
    const hasEnded = await Promise.race([ended, sleep(LOOK_MS, false)])
    if (hasEnded) throw new Error(`the node did not start; it printed:\n${node.output}`)
  }
}

/** Rules that allow nothing in a room but what a token does, and a user's own channel. */
const guarded = (secret: string, publicKey: string): object => ({
  contract: {
    channels: {
      'chat:{room}': { history: { maxCount: 1000 }, presence: true },
      'user:{id}': { history: { maxCount: 100 } },
    },
  },
  tokens: {
    keys: [
      { id: 'hs', secret },
      { id: 'rs', publicKey },
    ],
    audience: AUDIENCE,
    issuer: ISSUER,
  },
  allow: { 'user:{id}': { subscribe: { user: '{id}' }, publish: { user: '{id}' } } },
})

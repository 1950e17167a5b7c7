/** Certificates for the tests, made when they are needed: none that was kept could expire. */
import { createPrivateKey, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generate } from 'selfsigned'

const DAY_MS = 86_400_000

export interface CertificateOptions {
  readonly validFromMs?: number
  readonly validToMs?: number
  /** Elliptic curve by default; tests of old ciphers may want the other. */
  readonly keyType?: 'ec' | 'rsa'
}

export interface PemPair {
  readonly cert: string
  readonly key: string
}

/** A certificate for localhost and 127.0.0.1 that signs itself, valid for a day around now. */
export const makePair = async ({
  validFromMs = Date.now() - DAY_MS / 2,
  validToMs = Date.now() + DAY_MS / 2,
  keyType = 'ec',
}: CertificateOptions = {}): Promise<PemPair> => {
  // Of two authorities with one name a client would try the first only.
  const { cert, private: key } = await generate([{ name: 'commonName', value: `test ${randomUUID()}` }], {
    keyType,
    algorithm: 'sha256',
    notBeforeDate: new Date(validFromMs),
    notAfterDate: new Date(validToMs),
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
  return { cert: `${cert.trim()}\n`, key: `${key.trim()}\n` }
}

/** The same key, to be read with a passphrase only. */
export const encrypted = (key: string, type: 'pkcs8' | 'sec1' = 'pkcs8'): string =>
  createPrivateKey(key).export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }).toString()

export interface PemFiles {
  readonly cert: string
  readonly key: string
}

/** Writes `cert.pem` and `key.pem` into a folder. */
export const writePair = async (dir: string, { cert, key }: PemPair): Promise<PemFiles> => {
  const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }
  await Promise.all([writeFile(files.cert, cert), writeFile(files.key, key, { mode: 0o600 })])
  return files
}

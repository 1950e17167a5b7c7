import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  encrypted,
  makePair,
  type PemFiles,
  type PemPair,
  writePair,
} from '../../../../test/certificates/certificates.js'
import { CommandError } from '../exit.js'
import { loadCertificate } from './certificate.js'

const written = async (pair: PemPair): Promise<PemFiles> => {
  const dir = await mkdtemp(join(tmpdir(), 'tidings-cert-'))
  onTestFinished(() => rm(dir, { recursive: true }))
  return writePair(dir, pair)
}

const sentence = async (files: PemFiles): Promise<string> => {
  const error: unknown = await loadCertificate(files).then(
    () => new Error('it was taken'),
    (problem: unknown) => problem,
  )
  expect(error).toBeInstanceOf(CommandError)
  return String(error)
}

describe('loadCertificate', () => {
  it.each(['ec', 'rsa'] as const)('takes a pair with a key of kind %s', async (keyType) => {
    const pair = await makePair({ keyType })
    const { context, validToMs } = await loadCertificate(await written(pair))
    expect(context).toMatchObject({ cert: pair.cert, key: pair.key, minVersion: 'TLSv1.2' })
    expect(validToMs).toBe(Date.parse(new X509Certificate(pair.cert).validTo))
  })

  it('takes both from one file, in either order', async () => {
    const pair = await makePair()
    for (const both of [pair.cert + pair.key, pair.key + pair.cert]) {
      const { cert } = await written({ cert: both, key: '' })
      expect(await loadCertificate({ cert, key: cert })).toHaveProperty('context')
    }
  })

  it('says in one sentence what is wrong', async () => {
    const [pair, other] = await Promise.all([makePair(), makePair()])
    const files = await written(pair)
    expect(await sentence({ ...files, cert: '/nowhere/cert.pem' })).toContain(
      'The certificate /nowhere/cert.pem cannot be read: there is no such file.',
    )
    expect(await sentence({ ...files, key: tmpdir() })).toMatch(/The private key .* cannot be read: it is a folder\.$/)
    expect(await sentence({ cert: files.key, key: files.cert })).toMatch(/key\.pem holds no certificate/)
    expect(await sentence(await written({ ...pair, key: other.key }))).toMatch(/key\.pem does not belong to/)
    expect(await sentence(await written({ ...pair, cert: other.cert + pair.cert }))).toMatch(/must come first/)
    for (const form of ['pkcs8', 'sec1'] as const) {
      const locked = await written({ ...pair, key: encrypted(pair.key, form) })
      expect(await sentence(locked)).toMatch(/is encrypted: .*openssl pkey/)
    }
    expect(await sentence(await written({ ...pair, key: 'no key' }))).toMatch(/holds no private key/)
    expect(await sentence(await written({ ...pair, cert: '' }))).toMatch(/cert\.pem is not in PEM form/)
    expect(await sentence(await written({ ...pair, cert: pair.cert.slice(0, 200) }))).toMatch(/holds no certificate/)
    const der = new X509Certificate(pair.cert).raw
    await writeFile(files.cert, der)
    expect(await sentence(files)).toMatch(/cert\.pem is not in PEM form/)
  })
})

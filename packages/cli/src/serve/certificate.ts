import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { CommandError, EXIT, sentenceOf, systemCode } from '../exit.js'

/** Where the certificate (its chain after it) and its private key are, in PEM form. Absolute. */
export interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

/** A pair that fits together and that OpenSSL takes. */
export interface Certificate {
  /** For `https.createServer` and `setSecureContext`. */
  readonly context: SecureContextOptions
  readonly validFromMs: number
  readonly validToMs: number
  /** What `certificateStamp` said before it was read. */
  readonly stamp: string
}

/**
 * TLS 1.0 and 1.1 are deprecated by RFC 8996 and no browser speaks them any more. Said here because Node's own default
 * can be lowered from outside (`--tls-min-v1.0`).
 */
const MIN_VERSION = 'TLSv1.2'

/**
 * All of TLS 1.3, and of TLS 1.2 only suites with forward secrecy and authenticated encryption (RFC 9325): who records the traffic
 * and gets the key later cannot read it, and there is no CBC padding to attack. Current browsers and TLS libraries have them.
 */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  ...['ECDSA', 'RSA'].flatMap((key) =>
    ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].map((suite) => `ECDHE-${key}-${suite}`),
  ),
].join(':')

/** What a client may negotiate. It cannot renegotiate, which costs the server more than the client. */
const TLS_POLICY: SecureContextOptions = {
  minVersion: MIN_VERSION,
  ciphers: CIPHERS,
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
}

/** Reads and checks both files. Rejects with CommandError: one sentence with the file and what to do. */
export const loadCertificate = async ({ cert, key }: CertificateFiles): Promise<Certificate> => {
  const stamp = await certificateStamp({ cert, key })
  const certPem = await readPem(cert, 'certificate')
  const keyPem = await readPem(key, 'private key')
  const leaf = parseCertificate(certPem, cert)
  if (!leaf.checkPrivateKey(parseKey(keyPem, key))) {
    throw problem(
      `The private key in ${key} does not belong to the first certificate in ${cert}: the server's own certificate ` +
        'must come first, its chain after it',
    )
  }
  const context: SecureContextOptions = { cert: certPem, key: keyPem, ...TLS_POLICY }
  try {
    createSecureContext(context)
  } catch (error) {
    throw problem(`The certificate in ${cert} cannot be used: ${sentenceOf(error)}`)
  }
  return { context, validFromMs: Date.parse(leaf.validFrom), validToMs: Date.parse(leaf.validTo), stamp }
}

/** Changes when either file does, or a link or folder on the way to it. */
export const certificateStamp = async ({ cert, key }: CertificateFiles): Promise<string> =>
  (await Promise.all([fileStamp(cert), fileStamp(key)])).join(' ')

const fileStamp = async (path: string): Promise<string> => {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(':')
  } catch (error) {
    return systemCode(error) ?? 'unreadable'
  }
}

const problem = (sentence: string): CommandError => new CommandError(EXIT.failure, `${sentence}.`)

const READ_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
}

const readPem = async (path: string, what: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw problem(`The ${what} ${path} cannot be read: ${READ_PROBLEMS[systemCode(error) ?? ''] ?? sentenceOf(error)}`)
  }
}

const parseCertificate = (pem: string, path: string): X509Certificate => {
  // DER would be taken here and refused by TLS.
  if (!pem.includes('-----BEGIN'))
    throw problem(`${path} is not in PEM form: it must begin with -----BEGIN CERTIFICATE-----`)
  try {
    return new X509Certificate(pem)
  } catch {
    throw problem(`${path} holds no certificate that can be read: it must have a -----BEGIN CERTIFICATE----- block`)
  }
}

/** PKCS #8 and the older form. */
const ENCRYPTED_KEY = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

const parseKey = (pem: string, path: string): KeyObject => {
  if (ENCRYPTED_KEY.test(pem)) {
    throw problem(
      `The private key in ${path} is encrypted: write it without its passphrase (openssl pkey -in … -out …)`,
    )
  }
  try {
    return createPrivateKey(pem)
  } catch {
    throw problem(`${path} holds no private key in PEM form that can be read`)
  }
}

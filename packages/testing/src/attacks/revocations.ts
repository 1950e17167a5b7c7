import { randomUUID } from 'node:crypto'
import type { RawClient } from '../raw-client.js'
import type { Attack } from './attack.js'
import { answerOf, type Attacker } from './attacker.js'
import { nowInSeconds, type SigningKey, tokenOf } from './forge-token.js'
import { keyOf, needsKey, REFUSED } from './token-attack.js'

const MINUTE_S = 60

/** Asks the node as an operator to revoke a session; the status of its answer. */
const revoke = (attacker: Attacker, session: string): Promise<string> => {
  const { host } = attacker.target.healthUrl
  const iat = nowInSeconds()
  const token = tokenOf(keyOf(attacker), 'operator', { iat, exp: iat + MINUTE_S, tidings: { operator: true } })
  const body = JSON.stringify({ session })
  return attacker.answerToRequest(
    `POST /revocations HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}

const needsOperator = async (attacker: Attacker): Promise<string | undefined> => {
  const missing = needsKey(attacker)
  if (missing !== undefined) return missing
  const answer = await revoke(attacker, 'none')
  return answer === '200' ? undefined : `its operators cannot revoke at /revocations of its health port: ${answer}`
}

/** A token that no other attack has, and that has no `jti`. */
const freshToken = (signing: SigningKey): string =>
  tokenOf(signing, 'eve', { nonce: randomUUID(), iat: nowInSeconds() })

const connect = async (attacker: Attacker, token: string): Promise<{ client: RawClient; session: string }> => {
  const client = await attacker.openClient()
  const reply = await client.request({ type: 'connect', token })
  if (reply.type !== 'connected') throw new Error('a good token was refused')
  return { client, session: reply.session }
}

const revokeNow = async (attacker: Attacker, session: string): Promise<void> => {
  const answer = await revoke(attacker, session)
  if (answer !== '200') throw new Error(`the operator was answered ${answer}`)
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const P256_ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')

/** Of an ES256 signature (r, s) the other valid one, (r, n - s). */
const otherSignature = (signature: string): string => {
  const bytes = Buffer.from(signature, 'base64url')
  const s = P256_ORDER - BigInt(`0x${bytes.toString('hex', 32)}`)
  return Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]).toString(
    'base64url',
  )
}

/** Texts that lenient decoders take for the same token, or that are valid themselves. */
const otherTexts = (token: string, { algorithm }: SigningKey): Readonly<Record<string, string>> => {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const last = BASE64URL.indexOf(signature.at(-1) ?? '')
  const bit = (mask: number): string => token.slice(0, -1) + (BASE64URL[last ^ mask] ?? '')
  return {
    'another unused bit': bit(1),
    'another unused bit but one': bit(2),
    padding: `${token}=`,
    'a space behind': `${token} `,
    'a tab behind': `${token}\t`,
    'a line end behind': `${token}\n`,
    'a space within': `${header}.${payload}.${signature.slice(0, 9)} ${signature.slice(9)}`,
    'the other alphabet': `${header}.${payload}.${Buffer.from(signature, 'base64url').toString('base64')}`,
    'padding of its payload': `${header}.${payload}=.${signature}`,
    ...(algorithm === 'ES256'
      ? { 'its other signature': `${header}.${payload}.${otherSignature(signature)}` }
      : undefined),
  }
}

const malleable: Attack = {
  name: 'malleable-token',
  threat: 'a token whose session was revoked gets in again under another spelling',
  refusals: REFUSED,
  isLong: true,
  obstacle: needsOperator,
  run: async (attacker) => {
    const token = freshToken(keyOf(attacker))
    const { session } = await connect(attacker, token)
    await revokeNow(attacker, session)
    for (const [what, text] of Object.entries({ itself: token, ...otherTexts(token, keyOf(attacker)) })) {
      attacker.saw(what, await attacker.answerToToken(text))
    }
  },
}

const refreshed: Attack = {
  name: 'refreshed-session',
  threat: 'a session that was refreshed is revoked, and one of its tokens gets in again',
  refusals: REFUSED,
  isLong: true,
  obstacle: needsOperator,
  run: async (attacker) => {
    const tokens = Array.from({ length: 16 }, () => freshToken(keyOf(attacker)))
    const [first = '', ...others] = tokens
    const { client, session } = await connect(attacker, first)
    for (const token of others) {
      const reply = await client.request({ type: 'refresh', token })
      if (reply.type !== 'refreshed') throw new Error('a good token was refused')
    }
    const more = await client.request({ type: 'refresh', token: freshToken(keyOf(attacker)) })
    const answer = answerOf(more)
    attacker.saw('one refresh more than a session remembers', answer, ['rate-limited'])
    await revokeNow(attacker, session)
    for (const [index, token] of tokens.entries())
      attacker.saw(`token ${index + 1}`, await attacker.answerToToken(token))
  },
}

/** What is left of a session that was revoked. */
export const REVOCATION_ATTACKS: readonly Attack[] = [malleable, refreshed]

import { OptionsError } from '../options-error.js'
import { tokenKeyProblem } from './tokens/token-keys.js'

const KEYS = ['keys', 'jwks', 'issuer', 'audience', 'anonymous', 'requireExpiry', 'maxLifetimeMs', 'clockToleranceMs']
const MAX_KEYS = 16
const MAX_LIFETIME_MS = 366 * 86_400_000
const MAX_TOLERANCE_MS = 300_000
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

type Group = Readonly<Record<string, unknown>>

const checkKeys = (keys: unknown): void => {
  if (keys === undefined) return
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS) {
    throw new OptionsError(`tokens.keys must be a list of 1 to ${MAX_KEYS} keys`)
  }
  for (const [index, key] of keys.entries()) {
    const problem = tokenKeyProblem(key)
    if (problem !== undefined) throw new OptionsError(`tokens.keys[${index}]${problem}`)
  }
}

const checkJwks = ({ jwks, issuer, audience }: Group): void => {
  if (jwks === undefined) return
  const url = typeof jwks === 'string' && URL.canParse(jwks) ? new URL(jwks) : undefined
  const isLocal = url?.protocol === 'http:' && LOOPBACK.includes(url.hostname)
  if (url?.protocol !== 'https:' && !isLocal) {
    throw new OptionsError('tokens.jwks must be an address that begins with https://, or http:// on this machine')
  }
  if (url.username !== '' || url.password !== '') throw new OptionsError('tokens.jwks must not hold a password')
  if (issuer === undefined && audience === undefined) {
    throw new OptionsError(
      'tokens.issuer or tokens.audience must be set with tokens.jwks: its keys may sign tokens for other services too',
    )
  }
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

const checkTexts = (tokens: Group, name: 'issuer' | 'audience'): void => {
  const value = tokens[name]
  const isList = Array.isArray(value) && value.length > 0 && value.every(isText)
  if (value !== undefined && !isText(value) && !isList) {
    throw new OptionsError(`tokens.${name} must be a text or a list of texts`)
  }
}

const checkMilliseconds = (tokens: Group, name: string, min: number, max: number): void => {
  const value = tokens[name]
  if (value === undefined || (Number.isInteger(value) && Number(value) >= min && Number(value) <= max)) return
  throw new OptionsError(`tokens.${name} must be a whole number from ${min} to ${max}`)
}

/** Throws OptionsError with the path of what is wrong. */
export const checkTokens = (tokens: unknown): void => {
  if (tokens === undefined) return
  if (typeof tokens !== 'object' || tokens === null || Array.isArray(tokens)) {
    throw new OptionsError('tokens must be an object')
  }
  const group = tokens as Group
  const extra = Object.keys(group).find((key) => !KEYS.includes(key))
  if (extra !== undefined) {
    throw new OptionsError(`tokens.${extra} is not an option; options here are ${KEYS.join(', ')}`)
  }
  if (group.keys === undefined && group.jwks === undefined) {
    throw new OptionsError('tokens must have keys or jwks')
  }
  checkKeys(group.keys)
  checkTexts(group, 'issuer')
  checkTexts(group, 'audience')
  checkJwks(group)
  for (const name of ['anonymous', 'requireExpiry']) {
    if (group[name] !== undefined && typeof group[name] !== 'boolean') {
      throw new OptionsError(`tokens.${name} must be true or false`)
    }
  }
  checkMilliseconds(group, 'maxLifetimeMs', 1000, MAX_LIFETIME_MS)
  checkMilliseconds(group, 'clockToleranceMs', 0, MAX_TOLERANCE_MS)
}

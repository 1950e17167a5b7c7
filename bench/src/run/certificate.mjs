import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE } from './paths.mjs'

/** A self-signed certificate for loopback, made once; undefined without `openssl`. @returns {import('../types.js').Certificate | undefined} */
export const certificate = () => {
  const [cert, key] = [join(CACHE, 'cert.pem'), join(CACHE, 'key.pem')]
  if (existsSync(cert) && existsSync(key)) return { cert, key }
  mkdirSync(CACHE, { recursive: true })
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=localhost'
  const { status } = spawnSync('openssl', [...words.split(' '), '-keyout', key, '-out', cert])
  return status === 0 ? { cert, key } : undefined
}

import { isIP } from 'node:net'

const YEAR_SECONDS = 31_536_000

/**
 * The Strict-Transport-Security of an answer to a request that named this host over TLS; undefined for localhost and addresses:
 * browsers would then refuse every other server of that name, on whatever port, that has no TLS.
 */
export const hstsFor = (host: string | undefined): string | undefined => {
  const name = (host ?? '')
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
  const isOfThisMachine = name === 'localhost' || name.endsWith('.localhost')
  return name === '' || isOfThisMachine || isIP(name) !== 0 ? undefined : `max-age=${YEAR_SECONDS}`
}

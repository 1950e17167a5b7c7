import { openFilesProblem, resolveLimits } from '@tidings/server'
import type { Settings } from './settings.js'

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|::1|\[::1\])$/i

export const isLoopbackHost = (host: string): boolean => LOOPBACK.test(host)

/** Warns of settings that are allowed and probably not meant: one sentence each. */
export const startWarnings = (settings: Settings): readonly string[] =>
  [tokensInTheClear(settings), echoForOthers(settings), hstsUnderDev(settings), tooFewFiles(settings)].filter(
    (sentence) => sentence !== undefined,
  )

/** More than anybody opens who tries something out on one machine. */
const DEV_CONNECTIONS = 1000

const tooFewFiles = ({ dev, node }: Settings): string | undefined => {
  if (dev && openFilesProblem(DEV_CONNECTIONS) === undefined) return undefined
  return openFilesProblem(resolveLimits(node.limits, node.dev).maxConnections)
}

/** Whoever is behind a proxy is not asked: the proxy may have TLS. */
const tokensInTheClear = ({ host, tls, node }: Settings): string | undefined => {
  const takesTokens = node.tokens !== undefined || node.authenticate !== undefined
  if (tls !== undefined || !takesTokens || isLoopbackHost(host) || hasProxies(node)) return undefined
  return (
    `Clients send their tokens to ${host} over plain HTTP, where anybody on the way can read them: serve TLS with --tls-cert and ` +
    '--tls-key, or put a proxy with TLS in front and name it with --trusted-proxies.'
  )
}

const echoForOthers = ({ echo, dev, host, node }: Settings): string | undefined => {
  if (echo === undefined || dev || (isLoopbackHost(host) && !hasProxies(node))) return undefined
  return `The path ${echo} (--echo) sends back whatever anybody sends, without a token: leave it out on a server for others.`
}

const hstsUnderDev = ({ hsts, dev }: Settings): string | undefined =>
  hsts && dev
    ? 'hsts (--hsts) has no effect under --dev: browsers would refuse every other server of this machine without TLS.'
    : undefined

const hasProxies = ({ trustedProxies = [] }: Settings['node']): boolean =>
  ('addresses' in trustedProxies ? trustedProxies.addresses : trustedProxies).length > 0

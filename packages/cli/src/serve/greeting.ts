import { HEALTH_PATH, WEBSOCKET_PATH } from './paths.js'
import { printable } from '@tidings/server'
import type { Settings } from './settings.js'

const WILDCARDS = ['0.0.0.0', '::']

/** A host as an address has it; for "all addresses" one that can be opened on this machine. */
const addressHost = (host: string): string => {
  if (WILDCARDS.includes(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

/** What a server says once it listens: one line for each address, aligned. */
export const greeting = (
  { host, pages, store, echo, dev, tls }: Settings,
  { port, redirectPort }: { readonly port: number; readonly redirectPort?: number },
  version: string,
): string => {
  const [http, ws] = tls === undefined ? ['http', 'ws'] : ['https', 'wss']
  const authority = `${addressHost(host)}:${port}`
  const rows = [
    ...pages.map(({ title, path }) => [title, `${http}://${authority}${path}`] as const),
    ['WebSocket', `${ws}://${authority}${WEBSOCKET_PATH}`] as const,
    ...(echo === undefined ? [] : [['Echo', `${ws}://${authority}${echo}`] as const]),
    ['Health', `${http}://${authority}${HEALTH_PATH}`] as const,
    ...(redirectPort === undefined ? [] : [['Redirect', `http://${addressHost(host)}:${redirectPort}`] as const]),
    ['Data', store.kind === 'memory' ? 'memory: nothing is kept after a restart' : store.dir] as const,
  ]
  const width = Math.max(...rows.map(([title]) => title.length))
  const lines = [`Tidings ${version} is running.`, ...rows.map(([title, text]) => `  ${title.padEnd(width)}  ${text}`)]
  if (dev) lines.push('Development profile: everybody on this machine may do everything, and nobody else gets in.')
  return `${lines.map(printable).join('\n')}\n`
}

import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { lookup } from 'mrmime'
import { openInside, type OpenedFile } from './open-inside.js'

/** The files of one folder. Rejects when the system can open no more files. */
export type ServeFile = (name: string, request: IncomingMessage, response: ServerResponse) => Promise<'sent' | 'none'>

/** What bundlers name by its content never changes. */
const NAMED_BY_CONTENT = /(^|\/)assets\/[^/]+-[\w-]{8,}\.\w+$/
const YEAR_SECONDS = 31_536_000

/**
 * Where a page may connect and who may show it in a frame. `'self'` covers ws and wss of the page's own host in all browsers, in
 * Safari from 16 on.
 */
export const DEFAULT_CSP = "connect-src 'self'; frame-ancestors 'self'; base-uri 'self'; object-src 'none'"

/** `name` is relative to the folder, decoded, and has no segment that begins with a dot. `csp`: empty for none. */
export const serveFiles =
  (dir: string, csp: string): ServeFile =>
  async (name, request, response) => {
    for (const candidate of candidatesOf(name)) {
      const file = await openInside(dir, candidate)
      if (file === undefined) continue
      await send(file, { ...headersOf(candidate, file), ...securityHeaders(csp) }, request, response)
      return 'sent'
    }
    return 'none'
  }

const candidatesOf = (name: string): readonly string[] => {
  const plain = name.replace(/\/+$/, '')
  const index = ['index.html', 'index.htm']
  if (plain === '') return index
  return [plain, `${plain}.html`, `${plain}.htm`, ...index.map((file) => `${plain}/${file}`)]
}

const securityHeaders = (csp: string): OutgoingHttpHeaders => ({
  ...(csp !== '' && { 'content-security-policy': csp }),
  'referrer-policy': 'same-origin',
})

const headersOf = (name: string, { stats }: OpenedFile): OutgoingHttpHeaders => {
  const type = lookup(name) ?? 'application/octet-stream'
  return {
    'content-type': type === 'text/html' ? `${type};charset=utf-8` : type,
    'last-modified': stats.mtime.toUTCString(),
    etag: `W/"${stats.size}-${stats.mtimeNs / 1_000_000n}"`,
    'cache-control': NAMED_BY_CONTENT.test(name) ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache',
  }
}

/** Closes the file. A client that goes away in the middle is no failure. */
const send = async (
  { handle, stats }: OpenedFile,
  headers: OutgoingHttpHeaders,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  const sizeBytes = Number(stats.size)
  try {
    if (request.headers['if-none-match'] === headers.etag) {
      response.writeHead(304, headers).end()
      return
    }
    response.setHeader('content-length', sizeBytes)
    response.writeHead(200, headers)
    // A file that grows meanwhile is sent as long as was said, and reading needs a last byte.
    if (request.method === 'HEAD' || sizeBytes === 0) response.end()
    else await pipeline(handle.createReadStream({ autoClose: false, end: sizeBytes - 1 }), response)
  } catch {
    response.destroy()
  } finally {
    await close(handle)
  }
}

const close = (handle: FileHandle): Promise<void> => handle.close().catch(() => undefined)

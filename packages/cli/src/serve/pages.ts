import { stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import sirv, { type RequestHandler } from 'sirv'
import { CommandError, EXIT } from '../exit.js'
import type { Page } from './settings.js'

/** Answers a request for a page's file; false: no page is on this path. */
export type ServePages = (request: IncomingMessage, response: ServerResponse, notFound: () => void) => boolean

/** What bundlers name by its content never changes. */
const NAMED_BY_CONTENT = /\/assets\/[^/]+-[\w-]{8,}\.\w+$/
const YEAR_SECONDS = 31_536_000

/** Rejects with CommandError when a page's folder is not there. */
export const openPages = async (pages: readonly Page[]): Promise<ServePages> => {
  for (const page of pages) await checkFolder(page)
  const mounted = pages
    .map(({ path, dir }) => ({ path, serve: serveFolder(dir) }))
    .sort((a, b) => b.path.length - a.path.length)
  return (request, response, notFound) => {
    const url = request.url ?? '/'
    const path = pathOf(url)
    const page = mounted.find((candidate) => path.startsWith(candidate.path) || `${path}/` === candidate.path)
    if (page === undefined) return false
    if (!path.startsWith(page.path)) {
      response.writeHead(308, { location: page.path + url.slice(path.length) }).end()
    } else if (isHidden(path)) {
      notFound()
    } else {
      request.url = url.slice(page.path.length - 1)
      page.serve(request, response, notFound)
    }
    return true
  }
}

/** The path of a request target, without its query. */
export const pathOf = (url: string): string => {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}

const checkFolder = async ({ title, dir }: Page): Promise<void> => {
  const isFolder = await stat(dir).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (!isFolder) {
    throw new CommandError(EXIT.failure, `The page '${title}' has no folder ${dir}: build it, or correct its dir.`)
  }
}

/** Whether a name in the path begins with a dot, however it is written; `..` does too. */
const isHidden = (path: string): boolean => {
  try {
    return decodeURIComponent(path)
      .split(/[/\\]/)
      .some((name) => name.startsWith('.') || name.includes('\0'))
  } catch {
    return true
  }
}

const serveFolder = (dir: string): RequestHandler => {
  // `dev` makes it look at the disk each time: a page that is built anew is served anew.
  const serve = sirv(dir, {
    dev: true,
    etag: true,
    setHeaders: (response, path) => {
      if (NAMED_BY_CONTENT.test(path)) {
        response.setHeader('cache-control', `public, max-age=${YEAR_SECONDS}, immutable`)
      }
    },
  })
  return (request, response, next) => {
    // sirv throws for ranges that end before they begin; pages need none.
    delete request.headers.range
    // It does not listen for files that vanish or cannot be read once it opens them.
    response.once('pipe', (file) => file.once('error', () => response.destroy()))
    serve(request, response, next)
  }
}

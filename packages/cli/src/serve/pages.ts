import { stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CommandError, EXIT } from '../exit.js'
import { DEFAULT_CSP, serveFiles } from './page-files.js'
import type { Page } from './settings.js'

/** Answers a request for a page's file, or has it answered by one of `otherwise`; false: no page is on this path. */
export type ServePages = (request: IncomingMessage, response: ServerResponse, otherwise: Otherwise) => boolean

export interface Otherwise {
  readonly notFound: () => void
  /** The system can open no more files. */
  readonly unavailable: () => void
}

/** Rejects with CommandError when a page's folder is not there. */
export const openPages = async (pages: readonly Page[]): Promise<ServePages> => {
  for (const page of pages) await checkFolder(page)
  const mounted = pages
    .map(({ path, dir, csp = DEFAULT_CSP }) => ({ path, serveFile: serveFiles(dir, csp) }))
    .sort((a, b) => b.path.length - a.path.length)
  return (request, response, { notFound, unavailable }) => {
    const url = request.url ?? '/'
    const path = pathOf(url)
    const page = mounted.find((candidate) => path.startsWith(candidate.path) || `${path}/` === candidate.path)
    if (page === undefined) return false
    if (!path.startsWith(page.path)) {
      response.writeHead(308, { location: page.path + url.slice(path.length) }).end()
      return true
    }
    const name = visibleName(path.slice(page.path.length))
    if (name === undefined) notFound()
    else {
      const answer = (outcome: 'sent' | 'none'): void => {
        if (outcome === 'none') notFound()
      }
      page.serveFile(name, request, response).then(answer, unavailable)
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

/** A path without its percent escapes; undefined if a name in it begins with a dot, as `..` does, or if it is no text. */
const visibleName = (path: string): string | undefined => {
  try {
    const name = decodeURIComponent(path)
    return name.split(/[/\\]/).some((part) => part.startsWith('.') || part.includes('\0')) ? undefined : name
  } catch {
    return undefined
  }
}

import { MAX_PORT } from './paths.js'

/** Where a redirect leads: to a port of whatever host was asked for, or to one origin. */
export type RedirectTarget = { readonly port: number } | { readonly origin: string }

export const REDIRECT_TARGET_RULE = `must be a port from 1 to ${MAX_PORT}, or an origin such as https://live.example.com`

/** undefined: it is none, which the rule above says in words. */
export const parseRedirectTarget = (value: string | number): RedirectTarget | undefined => {
  if (typeof value === 'number' || /^\d+$/.test(value)) {
    const port = Number(value)
    return Number.isInteger(port) && port >= 1 && port <= MAX_PORT ? { port } : undefined
  }
  if (!URL.canParse(value)) return undefined
  const { protocol, origin, href } = new URL(value)
  // Nothing after the origin: the path comes from the request.
  return protocol === 'https:' && href === `${origin}/` ? { origin } : undefined
}

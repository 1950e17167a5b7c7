import type { InitializeHook, ResolveHook } from 'node:module'

const STORE = '/backend/disk/lmdb-store.js'
const SHIM = new URL('./store.js', import.meta.url)

/** Module hooks run in a thread of their own: what they are told is all they know. */
let controlFile = ''

export const initialize: InitializeHook<{ readonly controlFile: string }> = (data) => {
  controlFile = data.controlFile
}

/** Leads everybody but the shim itself from the LMDB store to the shim. */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  const found = await nextResolve(specifier, context)
  if (!found.url.endsWith(STORE) || context.parentURL?.startsWith(SHIM.href) === true) return found
  const shim = new URL(SHIM)
  shim.searchParams.set('store', found.url)
  shim.searchParams.set('control', controlFile)
  return { ...found, url: shim.href }
}

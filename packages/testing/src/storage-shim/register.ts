/** What the disk of a server under test does to a sync, as the control file says; absent or empty: nothing. */
export type SyncFault = 'fail' | 'hold'

/** The lines of a configuration module that put the shim under the disk backend of the server that loads it. */
export const shimLines = (controlFile: string): string => {
  const hook = new URL('./hook.js', import.meta.url).href
  return `import { register } from 'node:module'
register(${JSON.stringify(hook)}, { data: { controlFile: ${JSON.stringify(controlFile)} } })
`
}

import { setFlagsFromString } from 'node:v8'

const OWN_CHOICE = /semi[-_]space/

/**
 * Keeps V8's young generation as small as it is when the process begins (some MiB). It would grow to 32 MiB and more with what
 * is under way, and stay so, though a node is as fast with a small one (ADR 0011). Whoever starts Node with flags for it decides.
 */
export const boundYoungGeneration = (): void => {
  if ([...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => OWN_CHOICE.test(option))) return
  // V8 looks at this flag whenever it would grow; those for sizes are looked at only when the process begins.
  setFlagsFromString('--semi-space-growth-factor=1')
}

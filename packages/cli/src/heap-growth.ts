import { setFlagsFromString } from 'node:v8'

const OWN_CHOICE = /semi[-_]space|heap[-_]growing/

/**
 * Keeps V8's young generation as small as it is when the process begins (some MiB): it would grow to 32 MiB and more with what is
 * under way, and stay so. And has the old one collected when it is twice what lives in it: V8 would let it be up to four times
 * that, by how fast its latest collections were, which on a busy machine is chance. A node is as fast so (ADR 0011).
 * Whoever starts Node with flags for either decides.
 */
export const boundHeapGrowth = (): void => {
  if ([...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => OWN_CHOICE.test(option))) return
  // V8 looks at these flags whenever it would grow; those for sizes are looked at only when the process begins.
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=100')
}

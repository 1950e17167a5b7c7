import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

const OWN_CHOICE = /semi[-_]space|heap[-_]growing/

/**
 * Of V8's young generation, both halves. With a quarter of it a busy node spends a tenth of its time in collections; with
 * much more a collection halts it for long.
 */
const YOUNG_BYTES = 8 * 1024 * 1024

const youngBytes = (): number =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.space_size ?? 0

/**
 * Has V8's young generation grow to some MiB and no further: it would grow to 32 MiB with what is under way, and stay so. And has
 * the old one collected when it is three times what lives in it: V8 would let it be up to four times that, by how fast its latest
 * collections were, which on a busy machine is chance (ADR 0011). Whoever starts Node with flags for either decides.
 */
export const boundHeapGrowth = (): void => {
  if ([...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) => OWN_CHOICE.test(option))) return
  // V8 looks at these flags whenever it would grow; those for sizes are looked at only when the process begins.
  setFlagsFromString('--heap-growing-percent=200')
  let factor = 0
  const boundYoung = (): void => {
    const next = youngBytes() < YOUNG_BYTES ? 2 : 1
    if (next !== factor) setFlagsFromString(`--semi-space-growth-factor=${next}`)
    factor = next
  }
  boundYoung()
  // It grows at a collection, and shrinks at one of an idle process.
  new PerformanceObserver(boundYoung).observe({ type: 'gc' })
}

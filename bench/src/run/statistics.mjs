/** @param {readonly number[]} values at least one */
export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** @param {readonly number[]} values at least one @param {number} fraction */
export const percentile = (values, fraction) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * fraction))] ?? Number.NaN

/**
 * The median of each figure, over the samples that have one.
 * @param {readonly Readonly<Record<string, number>>[]} samples
 * @returns {Readonly<Record<string, number>>}
 */
export const medians = (samples) => {
  const names = new Set(samples.flatMap((figures) => Object.keys(figures)))
  return Object.fromEntries(
    [...names].map((name) => [
      name,
      median(samples.flatMap(({ [name]: value }) => (value === undefined ? [] : [value]))),
    ]),
  )
}

/**
 * Lets the browser leave out the layout of chunks that are far from the view, with the height they have now in their
 * place. Measures all of them in one layout.
 */
export const settleChunks = (chunks: readonly HTMLElement[]): void => {
  for (const { style } of chunks) style.contentVisibility = ''
  const heights = chunks.map((chunk) => chunk.getBoundingClientRect().height)
  for (const [index, { style }] of chunks.entries()) {
    style.containIntrinsicBlockSize = `${heights[index] ?? 0}px`
    style.contentVisibility = 'auto'
  }
}

/** Measures the settled ones again: their width changed. */
export const resettleChunks = (scroller: Element): void => {
  const chunks = [...scroller.querySelectorAll<HTMLElement>('.chunk')]
  settleChunks(chunks.filter(({ style }) => style.contentVisibility === 'auto'))
}

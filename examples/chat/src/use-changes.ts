import { useEffect, useReducer } from 'preact/hooks'

interface Source {
  /** Calls the listener after changes, until the returned function is called. */
  listen(listener: () => void): () => void
}

/** Draws the component again whenever the source changed. */
export const useChanges = (source: Source): void => {
  const [, redraw] = useReducer((count: number) => count + 1, 0)
  useEffect(() => {
    const off = source.listen(() => redraw(undefined))
    // What changed between the first drawing and now.
    redraw(undefined)
    return off
  }, [source])
}

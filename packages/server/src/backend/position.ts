import type { Position } from '@tidings/protocol'

const POSITION = /^([A-Za-z0-9_-]{1,64}):(0|[1-9][0-9]{0,15})$/

/** The text of a position: which log (an epoch or an incarnation), and after which offset. */
export const formatPosition = (log: string, offset: number): Position => `${log}:${offset}`

/** undefined: nothing this kind of log ever made. */
export const parsePosition = (position: Position): { readonly log: string; readonly offset: number } | undefined => {
  const match = POSITION.exec(position)
  if (match?.[1] === undefined) return undefined
  const offset = Number(match[2])
  return Number.isSafeInteger(offset) ? { log: match[1], offset } : undefined
}

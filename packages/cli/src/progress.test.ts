import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { showProgress } from './progress.js'

/** What the bar needs of a terminal. */
class Terminal extends PassThrough {
  readonly isTTY: boolean
  readonly columns = 80

  constructor(isTTY: boolean) {
    super()
    this.isTTY = isTTY
  }
}

const shown = (isTTY: boolean, isTypedInput: boolean, totalBytes: number | undefined) => {
  const stream = new Terminal(isTTY)
  const notes: string[] = []
  const progress = showProgress({
    stream: stream as unknown as NodeJS.WriteStream,
    isTypedInput,
    totalBytes,
    notice: (sentence) => notes.push(sentence),
  })
  progress.update(50, 500)
  progress.note('a note')
  progress.stop()
  expect(notes).toEqual(['a note'])
  return String(stream.read() ?? '')
}

describe('showProgress', () => {
  it('shows a bar on a terminal, with the percentage where the end is known', () => {
    expect(shown(true, false, 1000)).toMatch(/50% \| 50 published/)
    expect(shown(true, false, undefined)).toMatch(/50 published/)
    expect(shown(true, false, undefined)).not.toContain('%')
  })

  it('shows nothing elsewhere, and nothing where somebody types', () => {
    expect(shown(false, false, 1000)).toBe('')
    expect(shown(true, true, undefined)).toBe('')
  })
})

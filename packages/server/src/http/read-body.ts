import type { IncomingMessage } from 'node:http'
import { setRunningTimeout } from '../running-timeout.js'

export interface BodyLimits {
  readonly maxBytes: number
  readonly deadlineMs: number
}

/**
 * The whole body of a request, or why it is not there. The request is left as it is then, so that it can be answered. Never
 * rejects.
 */
export const readBody = (
  request: IncomingMessage,
  { maxBytes, deadlineMs }: BodyLimits,
): Promise<Buffer | 'too-large' | 'too-slow' | 'cut-off'> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const take = (chunk: Buffer): void => {
      bytes += chunk.length
      if (bytes > maxBytes) settle('too-large')
      else chunks.push(chunk)
    }
    const end = (): void => settle(Buffer.concat(chunks))
    const cutOff = (): void => settle('cut-off')
    const timer = setRunningTimeout(() => settle('too-slow'), deadlineMs)
    const settle = (result: Buffer | 'too-large' | 'too-slow' | 'cut-off'): void => {
      timer.clear()
      request.off('data', take).off('end', end).off('close', cutOff).pause()
      resolve(result)
    }
    request.on('data', take).once('end', end).once('close', cutOff)
    // 'close' follows; without a listener it would end the process.
    request.on('error', () => undefined)
  })

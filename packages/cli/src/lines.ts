/** One line of input, without its end. `bytesRead` counts what was read up to its end. */
export type Line = { readonly number: number; readonly bytesRead: number } & (
  | { readonly text: string }
  | { readonly problem: string }
)

const NEWLINE = 0x0a
const RETURN = 0x0d
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Splits bytes at newlines, and only there: JSON text may hold other separators. A line that is too long or not UTF-8 is
 * told as a problem; its bytes are not kept. Throws what reading `input` throws.
 */
export async function* readLines(input: AsyncIterable<Uint8Array>, maxLineBytes: number): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []
  let lengthBytes = 0
  let bytesRead = 0
  let number = 0

  const add = (part: Uint8Array): void => {
    lengthBytes += part.length
    if (lengthBytes <= maxLineBytes) parts.push(part)
    else parts = []
  }
  const finish = (): Line => {
    number += 1
    const line = { number, bytesRead, ...decode(parts, lengthBytes, maxLineBytes, number === 1) }
    parts = []
    lengthBytes = 0
    return line
  }

  for await (const chunk of input) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end))
      bytesRead += end + 1 - start
      start = end + 1
      yield finish()
    }
    if (start < chunk.length) add(chunk.subarray(start))
    bytesRead += chunk.length - start
  }
  if (lengthBytes > 0) yield finish()
}

const decode = (
  parts: readonly Uint8Array[],
  lengthBytes: number,
  maxLineBytes: number,
  isFirst: boolean,
): { readonly text: string } | { readonly problem: string } => {
  if (lengthBytes > maxLineBytes) return { problem: `it is longer than ${maxLineBytes} bytes` }
  const bytes = Buffer.concat(parts)
  try {
    const text = utf8.decode(bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes)
    // Some shells put a byte order mark before what they pipe.
    return { text: isFirst ? text.replace(/^\ufeff/, '') : text }
  } catch {
    return { problem: 'it is not UTF-8' }
  }
}

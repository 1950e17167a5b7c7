import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

/** A whole answer as one line of JSON, which nobody keeps. */
export const respondJson = (
  response: ServerResponse,
  status: number,
  content: unknown,
  headers: OutgoingHttpHeaders = {},
): void => {
  const body = `${JSON.stringify(content)}\n`
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}

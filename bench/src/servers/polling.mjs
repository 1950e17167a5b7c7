/**
 * The chat that asks: `GET /lines?after=N` gives the lines after the Nth and the number of the last; `POST /lines` says one.
 * It keeps the last thousand, as the history of the other side does.
 */
import { createServer } from 'node:http'
import { listen } from './options.mjs'

const KEPT = 1000
/** @type {string[]} */
const lines = []
let last = 0

/** @param {import('node:http').IncomingMessage} request */
const bodyOf = async (request) => {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname !== '/lines') {
    response.writeHead(404).end()
    return
  }
  if (request.method === 'POST') {
    void bodyOf(request).then((body) => {
      lines.push(body)
      last += 1
      if (lines.length > KEPT) lines.shift()
      response.writeHead(204).end()
    })
    return
  }
  const missed = Math.min(last - Number(searchParams.get('after') ?? 0), lines.length)
  const body = `{"last":${last},"lines":[${missed > 0 ? lines.slice(-missed).join(',') : ''}]}`
  response.setHeader('content-type', 'application/json').setHeader('content-length', Buffer.byteLength(body)).end(body)
})
server.keepAliveTimeout = 60_000
listen(server)

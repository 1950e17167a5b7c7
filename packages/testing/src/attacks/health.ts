import { get } from 'node:http'
import { get as getTls } from 'node:https'
import type { Target } from './target.js'

const LIMIT_MS = 10_000

/** `ok`, or what is wrong with the node as its health says, or cannot say. Never rejects. */
export const healthOf = ({ healthUrl, tls }: Target): Promise<string> =>
  new Promise((resolve) => {
    const options = { agent: false, timeout: LIMIT_MS }
    const request =
      healthUrl.protocol === 'https:' ? getTls(healthUrl, { ...options, ...tls }) : get(healthUrl, options)
    request.on('error', (error) => resolve(error.message))
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('response', (response) => {
      response.resume()
      resolve(response.statusCode === 200 ? 'ok' : `status ${response.statusCode}`)
    })
  })

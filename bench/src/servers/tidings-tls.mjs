/** Tidings in an application's own HTTPS server, with the configuration of the other rows. */
import { createTidings } from '@tidings/server'
import { memory } from '@tidings/server/memory'
import config from './tidings.config.mjs'
import { listen, makeHttpServer } from './options.mjs'

const { contract, authenticate, allow, compression } = config
if (contract === undefined || authenticate === undefined || allow === undefined || 'channels' in contract) {
  throw new TypeError('the configuration lacks something')
}
const tidings = createTidings({ backend: memory(), contract, authenticate, allow, compression })
await tidings.ready
const server = makeHttpServer()
tidings.attach(server, { path: '/ws' })
listen(server)

/** Tidings in an application's own HTTPS server. */
import { createTidings } from '@tidings/server'
import { memory } from '@tidings/server/memory'
import { allow, authenticate, contract } from './contract.mjs'
import { listen, makeHttpServer } from './options.mjs'

const tidings = createTidings({
  backend: memory(),
  contract,
  authenticate,
  allow,
  compression: true,
  limits: 'load-test',
})
await tidings.ready
const server = makeHttpServer()
tidings.attach(server, { path: '/ws' })
listen(server)

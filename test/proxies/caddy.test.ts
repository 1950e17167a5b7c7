import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { documentedConfiguration, withReplaced } from './documented.js'
import type { ProxyPlace } from './proxied-node.js'
import { proxySuite } from './proxy-suite.js'

const run = promisify(execFile)
const configFile = ({ dir }: ProxyPlace): string => join(dir, 'Caddyfile')

proxySuite({
  name: 'Caddy',
  keepsConnections: false,
  cutsIdle: false,
  configure: async (place) => {
    const { dir, nodePort, httpsPort, httpPort, certFile, keyFile } = place
    // There is no authority to get a certificate from here, and port 80 is not ours.
    const site = `https://localhost:${httpsPort} {\n\ttls ${certFile} ${keyFile}`
    const documented = withReplaced(documentedConfiguration('caddyfile'), {
      'live.example.com {': site,
      '127.0.0.1:8080': `127.0.0.1:${nodePort}`,
    })
    const options = [`admin unix/${join(dir, 'admin.sock')}`, `http_port ${httpPort}`, `storage file_system ${dir}`]
    await writeFile(configFile(place), `{\n\t${options.join('\n\t')}\n}\n${documented}`)
    return ['caddy', 'run', '--adapter', 'caddyfile', '--config', configFile(place)]
  },
  reload: async (_proxy, place) => {
    // Its files changed, its configuration did not: without --force it would see nothing to do.
    await run('caddy', ['reload', '--force', '--adapter', 'caddyfile', '--config', configFile(place)])
  },
})

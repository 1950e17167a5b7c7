import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentedConfiguration, withReplaced } from './documented.js'
import { proxySuite } from './proxy-suite.js'

proxySuite({
  name: 'HAProxy',
  keepsConnections: true,
  cutsIdle: true,
  configure: async ({ dir, nodePort, httpsPort, httpPort, certFile, keyFile, idleSeconds }) => {
    const [config, pem] = [join(dir, 'haproxy.cfg'), join(dir, 'tidings.pem')]
    await writeFile(pem, (await readFile(certFile, 'utf8')) + (await readFile(keyFile, 'utf8')))
    const documented = withReplaced(documentedConfiguration('haproxy'), {
      'bind :80': `bind 127.0.0.1:${httpPort}`,
      'bind :443': `bind 127.0.0.1:${httpsPort}`,
      '/etc/haproxy/tidings.pem': pem,
      '127.0.0.1:8080': `127.0.0.1:${nodePort}`,
      'timeout tunnel 60s': `timeout tunnel ${idleSeconds}s`,
    })
    await writeFile(config, documented)
    return ['haproxy', '-W', '-db', '-f', config]
  },
  reload: async ({ pid }) => {
    process.kill(pid, 'SIGUSR2')
    await Promise.resolve()
  },
})

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { documentedConfiguration, withReplaced } from './documented.js'
import { proxySuite } from './proxy-suite.js'

/** What a distribution's nginx.conf has around the documented file, without anything that the document relies on. */
const mainText = (dir: string, included: string): string => `
daemon off;
${process.getuid?.() === 0 ? 'user root;' : ''}
pid ${join(dir, 'nginx.pid')};
error_log stderr;
events { worker_connections 512; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${join(dir, name)};`).join(' ')}
  include ${included};
}
`

proxySuite({
  name: 'nginx',
  keepsConnections: true,
  cutsIdle: true,
  configure: async ({ dir, nodePort, httpsPort, httpPort, certFile, keyFile, idleSeconds }) => {
    const documented = withReplaced(documentedConfiguration('nginx'), {
      'listen 80;': `listen 127.0.0.1:${httpPort};`,
      'listen 443 ssl;': `listen 127.0.0.1:${httpsPort} ssl;`,
      'live.example.com': 'localhost',
      '/etc/tidings/fullchain.pem': certFile,
      '/etc/tidings/privkey.pem': keyFile,
      'http://127.0.0.1:8080': `http://127.0.0.1:${nodePort}`,
      'proxy_read_timeout 60s': `proxy_read_timeout ${idleSeconds}s`,
    })
    const [main, included] = [join(dir, 'nginx.conf'), join(dir, 'tidings.conf')]
    await writeFile(included, documented)
    await writeFile(main, mainText(dir, included))
    return ['nginx', '-p', dir, '-e', 'stderr', '-c', main]
  },
  reload: async ({ pid }) => {
    process.kill(pid, 'SIGHUP')
    await Promise.resolve()
  },
})

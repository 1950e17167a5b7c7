import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHttpServer, listen, listenProblem } from './http.js'

const serverWith = async (headersTimeout: number): Promise<number> => {
  const server = createHttpServer(
    {
      health: { respondHealth: (_request, response) => void response.end('healthy') },
      revocations: { respondRevocation: (_request, response) => void response.end() },
      servePages: () => false,
      dev: false,
      echo: undefined,
      hsts: false,
    },
    { headersTimeout, requestTimeout: 30_000, keepAliveTimeout: 5000, connectionsCheckingInterval: 20 },
  )
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return listen(server, '127.0.0.1', 0)
}

const open = (port: number): Socket => {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  onTestFinished(() => {
    socket.destroy()
  })
  return socket
}

describe('createHttpServer', () => {
  it('cuts off headers that take too long, of WebSockets too, and connections that say nothing', async () => {
    const port = await serverWith(100)
    for (const start of ['GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n', 'GET / HT', '']) {
      const socket = open(port)
      let answer = ''
      socket.on('data', (part: string) => {
        answer += part
      })
      socket.write(start)
      await once(socket, 'close')
      if (start !== '') expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    }
  })

  it('survives a peer that resets its connection in the middle of a request', async () => {
    const port = await serverWith(10_000)
    const socket = open(port)
    socket.write('GET /healthz HTTP/1.1\r\nHost: a')
    await once(socket, 'connect')
    socket.resetAndDestroy()
    const answer = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect(await answer.text()).toBe('healthy')
  })
})

describe('listenProblem', () => {
  it('says what to do', () => {
    const problem = (code: string) => listenProblem(Object.assign(new Error('failed'), { code }), 'h', 80)
    expect(problem('EADDRINUSE')).toMatch(/^Port 80 on h is in use: .*--port\.$/)
    expect(problem('EACCES')).toMatch(/^Port 80 needs privileges: .*--port, .*AmbientCapabilities=.*setcap .*\.$/)
    expect(problem('EADDRNOTAVAIL')).toMatch(/^This machine has no address h: .*--host/)
    expect(problem('ENOTFOUND')).toMatch(/^There is no host named h: .*--host\.$/)
    expect(problem('EOTHER')).toBe('The server cannot listen on port 80 of h: failed.')
  })
})

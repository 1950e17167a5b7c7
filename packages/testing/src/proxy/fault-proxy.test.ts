import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultProxy } from './fault-proxy.js'
import type { ProxiedConnection } from './proxied-connection.js'

/** Collects what comes, and tells how the socket ended. */
class Peer {
  readonly socket: Socket
  received = Buffer.alloc(0)
  readonly ended: Promise<'fin'>
  readonly closed: Promise<'reset' | 'closed'>
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    this.socket = socket
    let failed = false
    socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes])
      this.#wake()
    })
    socket.on('error', () => {
      failed = true
    })
    this.ended = new Promise((resolve) => socket.once('end', () => resolve('fin')))
    this.closed = new Promise((resolve) => socket.once('close', () => resolve(failed ? 'reset' : 'closed')))
  }

  async gets(bytes: number): Promise<Buffer> {
    while (this.received.length < bytes) await new Promise<void>((resolve) => (this.#wake = resolve))
    return this.received
  }
}

describe('FaultProxy', () => {
  let server: Server
  let proxy: FaultProxy
  const accepted: Peer[] = []
  const sockets: Socket[] = []

  const listen = async (): Promise<Server> => {
    const listening = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(listening, 'listening')
    return listening
  }
  const portOf = (listening: Server): number => (listening.address() as { port: number }).port

  /** A client, its other end at the server, and the connection between. */
  const open = async (target = server): Promise<[Peer, Peer, ProxiedConnection]> => {
    const arrived = once(target, 'connection') as Promise<[Socket]>
    const socket = connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true })
    const client = new Peer(socket)
    sockets.push(socket)
    const [other] = await arrived
    const peer = new Peer(other)
    accepted.push(peer)
    sockets.push(other)
    const connection = proxy.connectionOf(socket.localPort ?? -1)
    if (connection === undefined) throw new Error('the proxy does not know the connection')
    return [client, peer, connection]
  }

  beforeEach(async () => {
    server = await listen()
    proxy = await FaultProxy.listen({ targetPort: portOf(server) })
  })

  afterEach(async () => {
    await proxy.close()
    for (const socket of sockets.splice(0)) socket.destroy()
    server.close()
  })

  it('hands bytes on unchanged, both ways', async () => {
    const [client, peer] = await open()
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))
    client.socket.write(sent)
    peer.socket.write('back')
    expect((await peer.gets(sent.length)).equals(sent)).toBe(true)
    expect((await client.gets(4)).toString()).toBe('back')
  })

  it('hands an end on after the bytes before it', async () => {
    const [client, peer] = await open()
    client.socket.end('last')
    expect(await peer.ended).toBe('fin')
    expect(peer.received.toString()).toBe('last')
    peer.socket.end()
    expect(await client.closed).toBe('closed')
  })

  it('hands a reset on', async () => {
    const [client, peer] = await open()
    peer.socket.resetAndDestroy()
    expect(await client.closed).toBe('reset')
  })

  it('cuts one connection with a FIN and leaves the others', async () => {
    const [cut, , connection] = await open()
    const [client, peer] = await open()
    connection.cut()
    expect(await cut.ended).toBe('fin')
    client.socket.write('still')
    expect((await peer.gets(5)).toString()).toBe('still')
  })

  it('resets all connections and forgets them', async () => {
    const opened = [await open(), await open()]
    proxy.resetAll()
    for (const [client, peer] of opened) {
      expect(await client.closed).toBe('reset')
      expect(await peer.closed).toBe('reset')
    }
    await Promise.all(opened.map(([, , { closed }]) => closed))
    expect(proxy.connections).toEqual([])
  })

  it('stalls one direction and lets the other through, and nothing is lost', async () => {
    const [client, peer, connection] = await open()
    connection.stall('to-client')
    peer.socket.write('held back')
    client.socket.write('through')
    await peer.gets(7)
    expect(client.received.length).toBe(0)
    connection.resume()
    expect((await client.gets(9)).toString()).toBe('held back')
  })

  it('makes the sender feel a stall, and holds little itself', async () => {
    const [client, peer, connection] = await open()
    connection.stall('to-server')
    const block = Buffer.alloc(65_536, 1)
    let sent = 0
    while (client.socket.writableLength < 1_048_576 && sent < 256 * 1024 * 1024) {
      client.socket.write(block)
      sent += block.length
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(client.socket.writableLength).toBeGreaterThanOrEqual(1_048_576)
    expect(connection.waitingBytes).toBeLessThan(524_288)
    connection.resume()
    expect((await peer.gets(sent)).length).toBe(sent)
  })

  it('resets a connection whose end is on its way, and one that holds bytes that nobody takes', async () => {
    const [client, peer, connection] = await open()
    peer.socket.pause()
    while (client.socket.writableLength < 1_048_576) {
      client.socket.write(Buffer.alloc(65_536))
      await new Promise((resolve) => setImmediate(resolve))
    }
    connection.cut()
    connection.reset()
    await connection.closed
    expect(proxy.connections).toEqual([])
  })

  it('lets no end through while it is half-open, and tells it when healed', async () => {
    const [client, peer, connection] = await open()
    connection.halfOpen()
    peer.socket.destroy()
    await peer.closed
    client.socket.write('into the void')
    while (connection.bytesToServer < 13) await new Promise((resolve) => setImmediate(resolve))
    expect([client.socket.readableEnded, client.socket.destroyed]).toEqual([false, false])
    connection.heal()
    expect(await client.closed).toBe('reset')
  })

  it('ends a half-open connection whose two sides said goodbye unheard, when healed', async () => {
    const [client, peer, connection] = await open()
    connection.halfOpen()
    // As when a server that stops sends a close frame, and the client answers with its own and its FIN.
    peer.socket.end('bye')
    await client.gets(3)
    client.socket.end('bye')
    await peer.gets(3)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([client.socket.readableEnded, peer.socket.readableEnded]).toEqual([false, false])
    connection.heal()
    expect([await client.closed, await peer.closed]).toEqual(['reset', 'reset'])
  })

  it('hands an end on that a stall held back, after the bytes before it, when healed', async () => {
    const [client, peer, connection] = await open()
    connection.stall('to-client')
    peer.socket.end('last')
    await new Promise((resolve) => setTimeout(resolve, 50))
    connection.heal()
    expect(await client.ended).toBe('fin')
    expect(client.received.toString()).toBe('last')
  })

  it('cuts after so many bytes, in the middle of what was sent', async () => {
    const [client, peer, connection] = await open()
    connection.cutAfter('to-client', 5)
    peer.socket.write('hello world')
    expect(await client.ended).toBe('fin')
    expect(client.received.toString()).toBe('hello')
    expect(await peer.ended).toBe('fin')
  })

  it('says goodbye in the middle of what was sent, and lets the answer through', async () => {
    const [client, peer, connection] = await open()
    connection.cutAfter('to-server', 5, 'goodbye')
    client.socket.write('hello world')
    await peer.gets(13)
    expect(peer.received.toString('hex')).toBe(`${Buffer.from('hello').toString('hex')}88820000000003e9`)
    peer.socket.end('bad frame')
    expect(await client.ended).toBe('fin')
    expect(client.received.toString()).toBe('bad frame')
  })

  it('limits how fast bytes go, and keeps their order', async () => {
    const [client, peer, connection] = await open()
    connection.setRules('to-client', { bytesPerSecond: 20_000 })
    const startedMs = performance.now()
    peer.socket.write(Buffer.alloc(6000, 'x'))
    await client.gets(6000)
    // 6,000 bytes at 20,000 a second, less the first portion.
    expect(performance.now() - startedMs).toBeGreaterThan(200)
  })

  it('delays bytes, and keeps their order when the delay ends', async () => {
    const [client, peer, connection] = await open()
    connection.setRules('to-client', { delayMs: 60 })
    peer.socket.write('first ')
    while (connection.waitingBytes === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(client.received.length).toBe(0)
    connection.setRules('to-client', {})
    peer.socket.write('second')
    expect((await client.gets(12)).toString()).toBe('first second')
  })

  it('refuses new connections until it is healed', async () => {
    proxy.refuses = true
    const refused = new Peer(connect({ port: proxy.port, host: '127.0.0.1' }))
    expect(await refused.closed).toBe('reset')
    proxy.heal()
    const [client, peer] = await open()
    client.socket.write('in')
    await peer.gets(2)
  })

  it('leads new connections to a target that moved, and resets those for a target that is gone', async () => {
    const moved = await listen()
    proxy.targetPort = portOf(moved)
    const [client, peer, { targetPort }] = await open(moved)
    client.socket.write('here')
    await peer.gets(4)
    expect(targetPort).toBe(portOf(moved))
    moved.close()
    const closed = once(moved, 'close')
    client.socket.destroy()
    peer.socket.destroy()
    await closed
    const lost = new Peer(connect({ port: proxy.port, host: '127.0.0.1' }))
    expect(await lost.closed).toBe('reset')
  })
})

// A node as a process of its own for the figures, and raw sockets that cost little to hold.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort, NodeProcess } from '@tidings/testing'

const CLI = resolve(import.meta.dirname, '../../packages/cli/bin/tidings.js')

/**
 * Starts `tidings serve --dev` on disk with a contract whose channels keep much.
 * @param {object} [limits]
 */
export const startNode = async (limits = {}) => {
  const dir = mkdtempSync(join(tmpdir(), 'tidings-figure-'))
  const port = await freePort()
  const config = {
    contract: { channels: { 'big:{name}': { history: { maxBytes: 2 ** 31 } } } },
    limits,
  }
  writeFileSync(join(dir, 'tidings.config.json'), JSON.stringify(config))
  const node = await NodeProcess.start({
    command: [process.execPath, CLI, 'serve', '--dev', '--port', String(port), '--data', join(dir, 'data')],
    cwd: dir,
    healthUrl: `http://127.0.0.1:${port}/healthz`,
  })
  const stop = async () => {
    await node.kill('SIGTERM')
    rmSync(dir, { recursive: true })
  }
  return { node, port, url: `ws://127.0.0.1:${port}/ws`, stop }
}

/**
 * Resident memory of a process in MiB: all of it, and without pages of mapped files.
 * @param {number} pid
 */
export const memoryOf = (pid) => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = (/** @type {string} */ name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
  return { rssMib: kib('VmRSS') / 1024, anonymousMib: kib('RssAnon') / 1024 }
}

/**
 * @param {string} text
 */
const maskedFrame = (text) => {
  const payload = Buffer.from(text)
  const header =
    payload.length < 126
      ? Buffer.from([0x81, 0x80 | payload.length])
      : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255])
  // A mask of zeros is a mask, and leaves the payload as it is.
  return Buffer.concat([header, Buffer.alloc(4), payload])
}

const PING = Buffer.concat([Buffer.from([0x89, 4]), Buffer.from('read')])
const PONG = Buffer.concat([Buffer.from([0x8a, 0x84, 0, 0, 0, 0]), Buffer.from('read')])

/** A WebSocket that answers pings, counts the times a marker arrives, and can stop reading at the level of TCP. */
export class CountingSocket {
  /** @type {import('node:net').Socket} */
  socket
  count = 0
  bytes = 0
  isUpgraded = false
  #marker
  /** @type {Buffer} */
  #tail = Buffer.alloc(0)
  /** @type {(() => void) | undefined} */
  #onCount

  /**
   * @param {number} port
   * @param {string[]} frames Sent once the handshake is done.
   * @param {string} marker
   */
  constructor(port, frames, marker) {
    this.#marker = Buffer.from(marker)
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => undefined)
    this.socket.write(
      `GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    this.socket.on('data', (chunk) => {
      if (!this.isUpgraded) {
        this.isUpgraded = true
        for (const frame of frames) this.send(frame)
      }
      this.#receive(chunk)
    })
  }

  /** @param {string} text */
  send(text) {
    this.socket.write(maskedFrame(text))
  }

  /** Resolves once the marker was seen this often. @param {number} count @returns {Promise<void>} */
  reaches(count) {
    return new Promise((resolve) => {
      const look = () => {
        if (this.count >= count) resolve()
        else this.#onCount = look
      }
      look()
    })
  }

  /** @param {Buffer} chunk */
  #receive(chunk) {
    this.bytes += chunk.length
    const data = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk])
    let at = data.indexOf(this.#marker)
    let end = 0
    for (; at !== -1; at = data.indexOf(this.#marker, end)) {
      this.count += 1
      end = at + this.#marker.length
    }
    if (chunk.includes(PING)) this.socket.write(PONG)
    this.#tail = data.subarray(Math.max(end, data.length - this.#marker.length + 1))
    this.#onCount?.()
  }
}

/** @param {readonly number[]} values @param {number} fraction */
export const percentile = (values, fraction) => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? 0
}

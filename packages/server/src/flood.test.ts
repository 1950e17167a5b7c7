import type { Socket } from 'node:net'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { channel, defineContract } from '@tidings/contract'
import { fragments, frame, RawSocket } from '@tidings/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { startWithTokens, token } from './access/token.fixture.js'
import { memory } from './backend/memory/index.js'
import { Channels } from './channels.js'
import { allow, connect, latch, nodeSide, start, until } from './node.fixture.js'
import { accountRates } from './limits/account-rates.js'
import { Accounts } from './limits/accounts.js'
import { DEFAULT_LIMITS } from './options.js'
import { PIECE_BYTES } from './transport/reads-in-turns.js'
import { Turn } from './transport/turn.js'

afterEach(() => vi.restoreAllMocks())

/** Under which no rate ever allows more. */
const stopped = { now: () => Date.now(), monotonic: () => 0 }

const codesOf = (items: readonly object[]): readonly string[] =>
  items.flatMap((item) => ('code' in item ? [String(item.code)] : []))

test('does not read from a connection that sends too many bytes, and loses nothing of it', async () => {
  const node = await start({ limits: { bytesPerSecond: 400_000, bytesBurst: 65_536 } })
  const accepted = nodeSide(node)
  const client = await connect(node)
  const socket = await accepted
  const count = 60
  for (let id = 11; id < 11 + count; id++) {
    client.send({ type: 'publish', id, channel: 'long:a', data: 'x'.repeat(10_000) })
  }
  await until(() => node.tidings.limitsReached().bytesPerSecond !== undefined)
  expect(socket.bytesRead).toBeLessThan((count * 10_000) / 2)
  const bystander = await connect(node)
  expect(await bystander.request({ type: 'publish', channel: 'long:b', data: 1 })).toMatchObject({ type: 'published' })
  await client.find((item) => 'id' in item && item.id === 10 + count)
  expect(client.received.filter(({ type }) => type === 'published')).toHaveLength(count)
  expect(codesOf(client.received)).toEqual([])
})

const small: readonly [string, Buffer][] = [
  ['pings', Buffer.concat(Array.from({ length: 2000 }, () => frame('', { opcode: 9 })))],
  ['pongs', Buffer.concat(Array.from({ length: 2000 }, () => frame('', { opcode: 10 })))],
  [
    'commands in one frame',
    frame(JSON.stringify(Array.from({ length: 2000 }, (_, index) => ({ type: 'ping', id: 10 + index })))),
  ],
]

test.each(small)(
  'a flood of %s counts as more than its bytes, and what comes after it is heard',
  async (_name, flood) => {
    const node = await start({ limits: { bytesPerSecond: 1_000_000, bytesBurst: 100_000 } })
    const raw = await RawSocket.open(node.port)
    raw.write(frame('{"type":"connect","id":1}'))
    raw.write(flood)
    raw.write(frame('{"type":"ping","id":2}'))
    const hasPong = (message: unknown): boolean => (message as { id?: number }).id === 2
    await raw.until(() => raw.messages.flat().some(hasPong))
    expect(node.tidings.limitsReached().bytesPerSecond).toBeGreaterThan(0)
    raw.socket.destroy()
    await raw.ended
  },
)

test('answers every ping of a client, and of thousands at once the first and the latest', async () => {
  const node = await start()
  const raw = await RawSocket.open(node.port)
  raw.write(frame('{"type":"connect","id":1,"token":"ada"}'))
  await raw.until(() => raw.messages.length > 0)
  const pongs = (): readonly string[] =>
    raw.frames.flatMap(({ opcode, payload }) => (opcode === 10 ? [payload.toString()] : []))
  const names = Array.from({ length: 60 }, (_, index) => `few ${index}`)
  raw.write(Buffer.concat(names.map((name) => frame(name, { opcode: 9 }))))
  await raw.until(() => pongs().length === names.length)
  expect(pongs()).toEqual(names)
  const many = Array.from({ length: 3000 }, (_, index) => `many ${index}`)
  raw.write(Buffer.concat(many.map((name) => frame(name, { opcode: 9 }))))
  await raw.until(() => pongs().includes('many 2999'))
  const answered = pongs().slice(names.length)
  expect(answered.slice(0, 64)).toEqual(many.slice(0, 64))
  expect(answered.at(-1)).toBe('many 2999')
  // In order, and by far not all: they came in few reads.
  expect(answered).toEqual(many.filter((name) => answered.includes(name)))
  expect(answered.length).toBeLessThan(1000)
  raw.socket.destroy()
})

test('does not read on from a stranger that sends too much together with its connect', async () => {
  const node = await start({ limits: { bytesPerSecond: 100_000, bytesBurst: 50_000 }, clock: stopped })
  const accepted = nodeSide(node)
  const raw = await RawSocket.open(node.port)
  const socket = await accepted
  const pings = Array.from({ length: 400 }, (_, index) => frame(JSON.stringify({ type: 'ping', id: 2 + index })))
  raw.write(Buffer.concat([frame('{"type":"connect","id":1,"token":"ada"}'), ...pings]))
  await raw.until(() => raw.messages.length > 0)
  await endOfTurn()
  expect(socket.isPaused()).toBe(true)
  raw.socket.destroy()
  await raw.ended
})

test('handles a frame of many commands in parts, in order, so that others have a turn between them', async () => {
  const backend = memory()
  const node = await start({ backend })
  const count = 1500
  let inTurn = 0
  let mostInTurn = 0
  let total = 0
  const log = { name: 'long:a', durability: 'memory', history: { maxCount: 10_000 }, dedupeWindowMs: 120_000 } as const
  await backend.log.watch(log, {
    publication: () => {
      total += 1
      inTurn += 1
    },
    suspect: () => expect.unreachable(),
  })
  const client = await connect(node)
  client.send(
    Array.from({ length: count }, (_, index) => ({ type: 'publish', id: 10 + index, channel: 'long:a', data: 1 })),
  )
  while (total < count) {
    await endOfTurn()
    mostInTurn = Math.max(mostInTurn, inTurn)
    inTurn = 0
  }
  await client.find((item) => 'id' in item && item.id === 9 + count)
  expect(mostInTurn).toBeLessThanOrEqual(128)
  const offsets = client.received.flatMap((item) => (item.type === 'published' ? [item.offset] : []))
  expect(offsets).toEqual(Array.from({ length: count }, (_, index) => index + 1))
})

test('starts fewer commands in a turn of those that cost more', async () => {
  const inTurn = { asked: 0, most: 0, total: 0 }
  const counted = (): boolean => {
    inTurn.asked += 1
    inTurn.total += 1
    return true
  }
  const node = await start({ allow: { ...allow, 'any:{name}': { subscribe: counted } } })
  const client = await connect(node, { token: 'ada' })
  const count = 90
  client.send(
    Array.from({ length: count }, (_, index) => ({ type: 'subscribe', id: 10 + index, channel: `any:${index}` })),
  )
  while (inTurn.total < count) {
    await endOfTurn()
    inTurn.most = Math.max(inTurn.most, inTurn.asked)
    inTurn.asked = 0
  }
  await client.find((item) => 'id' in item && item.id === 9 + count)
  expect(inTurn.most).toBeLessThanOrEqual(128 / 8)
  expect(client.received.filter(({ type }) => type === 'subscribed')).toHaveLength(count)
})

const longReads: readonly [string, Buffer][] = [
  ['pings', Buffer.concat(Array.from({ length: 20_000 }, () => frame('x'.repeat(100), { opcode: 9 })))],
  ['fragments of one frame', fragments(new Array<string>(300_000).fill(''), 1)],
]

/** Writes so much, and gives what was handed over of it in each turn that brought something. */
const piecesHeard = async (raw: RawSocket, socket: Socket, flood: Buffer): Promise<readonly number[]> => {
  const pieces: number[] = []
  let [inTurn, total] = [0, 0]
  const count = (chunk: Buffer): void => {
    inTurn += chunk.length
    total += chunk.length
  }
  socket.on('data', count)
  raw.write(flood)
  while (total < flood.length) {
    await endOfTurn()
    if (inTurn > 0) pieces.push(inTurn)
    inTurn = 0
  }
  socket.off('data', count)
  return pieces
}

test.each(longReads)(
  'hears a piece of a flood of %s in a turn that has no more time, then others',
  async (_, flood) => {
    const node = await start({ limits: { maxFragments: 1_000_000 } })
    const accepted = nodeSide(node)
    const raw = await RawSocket.open(node.port)
    const socket = await accepted
    raw.write(frame('{"type":"connect","id":1}'))
    await raw.until(() => raw.messages.length > 0)
    vi.spyOn(Turn.prototype, 'hasTime').mockReturnValue(false)
    const pieces = await piecesHeard(raw, socket, flood)
    // The first read finds out that it is a flood.
    expect(pieces[0]).toBeLessThanOrEqual(65_536)
    expect(Math.max(...pieces.slice(1))).toBeLessThanOrEqual(PIECE_BYTES)
    raw.socket.destroy()
    await raw.ended
  },
)

test('goes on hearing a flood in pieces when its session has brought another token', async () => {
  const node = await startWithTokens()
  const accepted = nodeSide(node)
  const raw = await RawSocket.open(node.port)
  const socket = await accepted
  raw.write(frame(JSON.stringify({ type: 'connect', id: 1, token: await token({}) })))
  await raw.until(() => raw.messages.length > 0)
  vi.spyOn(Turn.prototype, 'hasTime').mockReturnValue(false)
  const flood = Buffer.concat(Array.from({ length: 20_000 }, () => frame('', { opcode: 10 })))
  await piecesHeard(raw, socket, flood)
  raw.write(frame(JSON.stringify({ type: 'refresh', id: 2, token: await token({}) })))
  await raw.until(() => raw.messages.length > 1)
  expect(raw.messages[1]).toMatchObject({ type: 'refreshed' })
  expect(Math.max(...(await piecesHeard(raw, socket, flood)))).toBeLessThanOrEqual(PIECE_BYTES)
  raw.socket.destroy()
  await raw.ended
})

test('stops reading a flood whose commands wait', async () => {
  const decide = latch<boolean>()
  const node = await start({
    limits: 'load-test',
    allow: { ...allow, 'any:{name}': { subscribe: () => decide.opened } },
  })
  const accepted = nodeSide(node)
  const client = await connect(node, { token: 'ada' })
  const socket = await accepted
  const padding = 'x'.repeat(10_000)
  const count = 4000
  for (let id = 10; id < 10 + count; id++) client.send({ type: 'subscribe', id, channel: 'any:a', padding })
  // Nothing is read any more once what one turn brought is handled.
  let before = -1
  for (let still = 0; still < 200; still++) {
    if (socket.bytesRead !== before) still = 0
    before = socket.bytesRead
    await endOfTurn()
  }
  expect(socket.bytesRead).toBeLessThan((count * padding.length) / 4)
  decide.open(true)
  await client.find((item) => 'id' in item && item.id === 9 + count)
})

test('lets a connection go at once that ends while it sends too much', async () => {
  const node = await start({ limits: { bytesPerSecond: 1, bytesBurst: 1 } })
  const client = await connect(node)
  client.send({ type: 'publish', id: 11, channel: 'long:a', data: 'x'.repeat(30_000) })
  await until(() => node.tidings.limitsReached().bytesPerSecond !== undefined)
  await node.tidings.close({ drainMs: 200 })
  await client.closed
})

test('refuses publications beyond the rate of their channel, of that channel only', async () => {
  const node = await start({ limits: { publishesPerSecond: 1, publishBurst: 10 }, clock: stopped })
  const client = await connect(node, { token: 'ada' })
  for (let index = 0; index < 10; index++) {
    expect(await client.request({ type: 'publish', channel: 'any:a', data: index })).toMatchObject({
      type: 'published',
    })
  }
  expect(await client.request({ type: 'publish', channel: 'any:a', data: 10 })).toMatchObject({
    type: 'error',
    code: 'rate-limited',
    retryable: true,
  })
  const other = await connect(node, { token: 'ada' })
  expect(await other.request({ type: 'publish', channel: 'any:b', data: 0 })).toMatchObject({ type: 'published' })
  expect(node.tidings.limitsReached()).toEqual({ publishesPerSecond: 1 })
})

test('leaves the application itself, and what may not be stored, out of the rate of a channel', async () => {
  const node = await start({
    limits: { publishesPerSecond: 1, publishBurst: 1 },
    allow: { ...allow, 'any:{name}': { publish: 'authenticated' } },
  })
  const anonymous = await connect(node)
  const ada = await connect(node, { token: 'ada' })
  for (let times = 0; times < 3; times++) {
    expect(await anonymous.request({ type: 'publish', channel: 'any:a', data: 1 })).toMatchObject({ code: 'forbidden' })
    const data = 'x'.repeat(70_000)
    expect(await ada.request({ type: 'publish', channel: 'any:a', data })).toMatchObject({ code: 'payload-too-large' })
    expect(await node.tidings.channel('any:{name}', { name: 'a' }).publish(times)).toMatchObject({ ok: true })
  }
  expect(await ada.request({ type: 'publish', channel: 'any:a', data: 1 })).toMatchObject({ type: 'published' })
})

test('does not forget what a channel has left of its rate when many others come', () => {
  const rate = { perSecond: 1, burst: 1, monotonic: () => 1000 }
  const channels = new Channels(defineContract({ 'a:{name}': channel({}) }), false, 'none', rate)
  const accounts = new Accounts(accountRates(DEFAULT_LIMITS, rate.monotonic))
  const take = (name: string): boolean => {
    const found = channels.find(name)
    return found.ok && found.channel.publishes.take(accounts.ofUser('ada'))
  }
  expect(take('a:busy')).toBe(true)
  for (let index = 0; index < 25_000; index++) channels.find(`a:${index}`)
  expect(take('a:busy')).toBe(false)
  expect(take('a:quiet')).toBe(true)
})

test('a peer that does not take part in the closing handshake loses its socket soon', { timeout: 15_000 }, async () => {
  const node = await start()
  const raw = await RawSocket.open(node.port)
  raw.write(frame('not JSON'))
  await raw.ended
  expect(raw.frames.at(-1)?.opcode).toBe(8)
})

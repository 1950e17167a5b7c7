import { PassThrough, Writable } from 'node:stream'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { frame, handshake, RawSocket } from '@tidings/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { start, until } from '../node.fixture.js'
import { PIECE_BYTES, ReadsInTurns } from './reads-in-turns.js'
import { Turn } from './turn.js'

afterEach(() => vi.restoreAllMocks())

/** A socket that somebody listens to, and whose turn comes when it is asked. */
const open = (
  sink: Writable = new PassThrough(),
): { socket: PassThrough; heard: string[]; asked: ReadsInTurns[]; reads: ReadsInTurns } => {
  const socket = new PassThrough()
  const heard: string[] = []
  const asked: ReadsInTurns[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk.toString()))
  socket.on('end', () => heard.push('end'))
  const reads = new ReadsInTurns(socket, sink, (reader) => asked.push(reader))
  return { socket, heard, asked, reads }
}

test('hands over what came when it is its turn, the end after it, and asks once for each turn', async () => {
  const { socket, heard, asked, reads } = open()
  socket.write('a')
  socket.write('b')
  await endOfTurn()
  expect([heard, asked.length]).toEqual([[], 1])
  reads.read()
  expect(heard).toEqual(['ab'])
  socket.end('c')
  await endOfTurn()
  expect(asked.length).toBe(2)
  reads.read()
  await endOfTurn()
  expect(heard).toEqual(['ab', 'c', 'end'])
})

test('hands over a piece in each turn, all of it in order, and the end behind the last one', async () => {
  const { socket, heard, asked, reads } = open()
  const sent = Array.from({ length: 2 * PIECE_BYTES + 1 }, (_, index) => String(index % 10)).join('')
  socket.end(sent)
  await endOfTurn()
  expect(asked.length).toBe(1)
  for (let turns = 1; turns <= 3; turns++) {
    reads.read()
    await endOfTurn()
    expect(asked.length).toBe(Math.min(turns + 1, 3))
  }
  expect(heard.map((text) => text.length)).toEqual([PIECE_BYTES, PIECE_BYTES, 1, 'end'.length])
  expect(heard.slice(0, 3).join('')).toBe(sent)
})

test('hands nothing over while who takes it is full, as with frames that are still inflated, and goes on afterwards', async () => {
  const took: (() => void)[] = []
  const sink = new Writable({
    highWaterMark: 10,
    write: (_chunk, _encoding, done) => {
      took.push(done)
    },
  })
  const { socket, heard, asked, reads } = open(sink)
  socket.on('data', (chunk: Buffer) => sink.write(chunk))
  socket.write('x'.repeat(10))
  await endOfTurn()
  reads.read()
  socket.write('b')
  await endOfTurn()
  reads.read()
  expect([heard.length, asked.length]).toEqual([1, 1])
  took[0]?.()
  await endOfTurn()
  expect(asked.length).toBe(2)
  reads.read()
  expect(heard).toEqual(['x'.repeat(10), 'b'])
})

test('hands over all that waits in one turn when nobody takes it any more', async () => {
  const sink = new PassThrough()
  const { socket, heard, asked, reads } = open(sink)
  sink.on('error', () => undefined)
  socket.write('x'.repeat(3 * PIECE_BYTES))
  await endOfTurn()
  reads.read()
  sink.destroy(new Error('what came was no frame'))
  reads.read()
  expect(heard.map((text) => text.length)).toEqual([PIECE_BYTES, 2 * PIECE_BYTES])
  expect(asked.length).toBe(2)
})

test('hands nothing over while it is paused, and asks again afterwards', async () => {
  const { socket, heard, asked, reads } = open()
  socket.write('a')
  await endOfTurn()
  reads.pause()
  reads.read()
  socket.write('b')
  await endOfTurn()
  expect([heard, asked.length]).toEqual([[], 1])
  reads.resume()
  expect(asked.length).toBe(2)
  reads.read()
  expect(heard).toEqual(['ab'])
})

test('lets the socket flow once it is over, and reads no more', async () => {
  const { socket, heard, asked, reads } = open()
  socket.write('a')
  await endOfTurn()
  reads.end()
  socket.write('b')
  await endOfTurn()
  expect(heard).toEqual(['a', 'b'])
  reads.read()
  socket.end('c')
  await endOfTurn()
  expect([heard, asked.length]).toEqual([['a', 'b', 'c', 'end'], 1])
})

test('of many strangers who speak at once one is heard in each turn that has no time, and none is lost', async () => {
  let turn = 0
  const heardIn: number[] = []
  const node = await start({
    authenticate: ({ token }) => {
      heardIn.push(turn)
      return { id: token ?? '' }
    },
  })
  const raws = await Promise.all(Array.from({ length: 20 }, () => RawSocket.open(node.port)))
  vi.spyOn(Turn.prototype, 'hasTime').mockReturnValue(false)
  let isCounting = true
  const count = (): void => {
    turn += 1
    if (isCounting) setImmediate(count)
  }
  count()
  raws.forEach((raw, index) => raw.write(frame(`{"type":"connect","id":1,"token":"user ${index}"}`)))
  await until(() => heardIn.length === raws.length)
  isCounting = false
  expect(new Set(heardIn).size).toBe(raws.length)
  for (const raw of raws) {
    await raw.until(() => raw.messages.length > 0)
    raw.socket.destroy()
  }
})

test('a client that says goodbye in the same breath is heard to the end', async () => {
  const node = await start()
  const raw = await RawSocket.open(node.port)
  const publish = (id: number): Buffer => frame(`{"type":"publish","id":${id},"channel":"any:a","data":${id}}`)
  raw.write(Buffer.concat([frame('{"type":"connect","id":1,"token":"ada"}'), publish(2), publish(3)]))
  raw.socket.end(frame(Buffer.from([0x03, 0xe8]), { opcode: 8 }))
  await raw.ended
  expect(raw.receivedClose).toBe(1000)
  const { publications } = await node.tidings.channel('any:{name}', { name: 'a' }).history()
  expect(publications.map(({ data }) => data)).toEqual([2, 3])
})

test('what comes in one piece with the handshake is heard', async () => {
  const node = await start()
  const raw = new RawSocket(node.port)
  raw.write(Buffer.concat([Buffer.from(handshake()), frame('{"type":"connect","id":1,"token":"ada"}')]))
  await raw.until(() => raw.messages.length > 0)
  expect(raw.messages[0]).toMatchObject({ type: 'connected', user: 'ada' })
  raw.socket.destroy()
})

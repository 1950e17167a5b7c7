import { memory } from '@tidings/server/memory'
import { fragments, frame, type LocalNode, RawSocket, startNode } from '@tidings/testing'
import { channel, defineContract } from '@tidings/contract'
import { afterEach, expect, test } from 'vitest'

const contract = defineContract({ 'any:{name}': channel({}) })
const MIB = 1024 * 1024
const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const start = async (limits = {}): Promise<LocalNode<typeof contract>> => {
  const node = await startNode({ contract, backend: memory(), authenticate: () => null, echoPath: '/echo', limits })
  open.push(() => node.close())
  return node
}

const echo = async (node: LocalNode<typeof contract>): Promise<RawSocket> => {
  const raw = await RawSocket.open(node.port, '/echo')
  open.push(() => raw.socket.destroy())
  return raw
}

const raised = { maxFrameBytes: 16 * MIB, maxFragments: 65_536 }

test.each([
  ['text', 1],
  ['binary', 2],
])('sends %s back as it came', async (_name, opcode) => {
  const raw = await echo(await start())
  const payloads = [
    '',
    'a',
    'x'.repeat(125),
    'x'.repeat(126),
    'é'.repeat(30_000),
    'x'.repeat(65_535),
    'x'.repeat(65_536),
  ]
  for (const payload of payloads) raw.write(frame(payload, { opcode }))
  await raw.until(() => raw.frames.length === payloads.length)
  expect(raw.frames.map((received) => received.opcode)).toEqual(payloads.map(() => opcode))
  expect(raw.frames.map(({ payload }) => payload.toString())).toEqual(payloads)
})

test('answers a ping between two fragments', async () => {
  const raw = await echo(await start())
  raw.write(Buffer.concat([frame('a', { fin: false }), frame('p', { opcode: 9 }), frame('b', { opcode: 0 })]))
  await raw.until(() => raw.frames.length === 2)
  expect(raw.frames.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
    [10, 'p'],
    [1, 'ab'],
  ])
})

test.each([
  ['text', 1],
  ['binary', 2],
])('passes %s of 65,536 fragments and of 16 MiB with raised limits', async (_name, opcode) => {
  const raw = await echo(await start(raised))
  raw.write(
    fragments(
      Array.from({ length: 65_536 }, () => 'x'),
      opcode,
    ),
  )
  await raw.until(() => raw.frames.length === 1)
  expect(raw.frames[0]?.payload.equals(Buffer.alloc(65_536, 'x'))).toBe(true)
  const large = Buffer.alloc(16 * MIB, 'y')
  raw.write(frame(large, { opcode }))
  await raw.until(() => raw.frames.length === 2)
  expect(raw.frames[1]?.opcode).toBe(opcode)
  expect(raw.frames[1]?.payload.equals(large)).toBe(true)
})

test('closes with the right code beyond the limits', async () => {
  const node = await start()
  const many = await echo(node)
  many.write(
    fragments(
      Array.from({ length: 65_536 }, () => 'x'),
      1,
    ),
  )
  expect(await many.closeCode()).toBe(1008)
  const large = await echo(node)
  large.write(frame(Buffer.alloc(MIB), { opcode: 2 }))
  expect(await large.closeCode()).toBe(1009)
  const garbled = await echo(node)
  garbled.write(frame(Buffer.from([0xff])))
  expect(await garbled.closeCode()).toBe(1007)
})

test('does not read on from a peer that does not read', async () => {
  const raw = await echo(await start({ maxBufferedBytes: 16_384 }))
  raw.socket.pause()
  const count = 400
  for (let index = 0; index < count; index++) raw.write(frame('x'.repeat(60_000)))
  await new Promise<void>((resolve) => setImmediate(resolve))
  raw.socket.resume()
  await raw.until(() => raw.frames.length === count)
})

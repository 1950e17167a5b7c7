import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRecord, jsonCodec, type PublicationItem, type ServerMessage } from '@tidings/protocol'
import { WebSocket } from 'ws'
import type { BystanderAsk, BystanderReport, BystanderSettings, PhaseName } from './bystander.js'

// Not as arguments, which everybody on this machine can see: a token is among them.
const [settings] = (await once(process, 'message')) as [BystanderSettings]
const { url, ca, token, channel, perSecond } = settings

const TICK_MS = 4
const SETTLE_MS = 20_000
const LOOK_MS = 10

/** When each publication was sent that has not been seen yet, and what went wrong since the last report. */
const sent = new Map<number, { readonly phase: PhaseName; readonly atMs: number }>()
let latencies: Record<PhaseName, number[]> = { before: [], during: [] }
let faults: string[] = []
let phase: PhaseName = 'before'
let next = 0
let expected = 0
let acknowledged = 0

const fault = (what: string): void => {
  if (faults.length < 20) faults.push(what)
}

const open = (name: string, onMessage: (message: ServerMessage) => void): WebSocket => {
  const socket = new WebSocket(url, [jsonCodec.subprotocol], {
    perMessageDeflate: false,
    ...(ca === undefined ? undefined : { ca }),
  })
  socket.on('message', (data: Buffer) => {
    for (const message of jsonCodec.decode(data.toString()) ?? []) {
      if (isRecord(message)) onMessage(message as unknown as ServerMessage)
    }
  })
  socket.on('open', () =>
    socket.send(JSON.stringify({ type: 'connect', id: 1, ...(token === undefined ? undefined : { token }) })),
  )
  socket.on('error', (error) => fault(`${name}: ${error.message}`))
  socket.on('close', (code) => fault(`the ${name} was closed with ${code}`))
  return socket
}

const see = (item: PublicationItem): void => {
  const number = 'data' in item && typeof item.data === 'number' ? item.data : -1
  if (number !== expected) fault(`publication ${number} came in the place of ${expected}`)
  expected = number + 1
  const publication = sent.get(number)
  if (publication === undefined) return
  sent.delete(number)
  latencies[publication.phase].push(performance.now() - publication.atMs)
}

const subscribed = new Promise<void>((resolve) => {
  const subscriber = open('subscriber', (message) => {
    if (message.type === 'connected') subscriber.send(JSON.stringify({ type: 'subscribe', id: 2, channel }))
    else if (message.type === 'subscribed') resolve()
    else if (message.type === 'publications') message.publications.forEach(see)
    else if (message.type === 'gap') fault(`a gap: ${message.reason}`)
    else if (message.type === 'error') fault(`the subscriber was answered ${message.code}`)
  })
})

const publisher = await new Promise<WebSocket>((resolve) => {
  const socket = open('publisher', (message) => {
    if (message.type === 'connected') resolve(socket)
    else if (message.type === 'published') acknowledged += 1
    else if (message.type === 'error') {
      acknowledged += 1
      fault(`the publisher was answered ${message.code}`)
    }
  })
})
await subscribed

const startedAt = performance.now()
setInterval(() => {
  const due = ((performance.now() - startedAt) * perSecond) / 1000
  for (; next < due; next++) {
    sent.set(next, { phase, atMs: performance.now() })
    publisher.send(JSON.stringify({ type: 'publish', id: 10 + next, channel, data: next }))
  }
}, TICK_MS)

/** Everything that was published by now is acknowledged and seen, or it is late. */
const settle = async (): Promise<void> => {
  const upTo = next
  const deadline = performance.now() + SETTLE_MS
  while ((expected < upTo || acknowledged < upTo) && performance.now() < deadline && faults.length === 0) {
    await sleep(LOOK_MS)
  }
  // What befell one connection may befall the other a moment later.
  if (faults.length > 0) await sleep(LOOK_MS)
  if (acknowledged < upTo && faults.length === 0) fault(`${upTo - acknowledged} publications were not acknowledged`)
  if (expected < upTo && faults.length === 0) fault(`${upTo - expected} publications did not come`)
}

const report = (): BystanderReport => {
  const answer = { latencies, faults }
  latencies = { before: [], during: [] }
  faults = []
  return answer
}

process.on('message', (ask: BystanderAsk) => {
  if (ask === 'report') void settle().then(() => process.send?.(report()))
  else phase = ask
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

// 2,000 subscribers lose their server to SIGKILL, 500 publications go by, and all resume: whether all are complete, how
// long it takes from the first that is let in to the last that caught up, and the server's peak memory.
// `npm run figure:wake-up`
import { RawClient } from '@tidings/testing'
import { CountingSocket, memoryOf, startNode } from './node.mjs'

const SUBSCRIBERS = Number(process.env.SUBSCRIBERS ?? 2000)
const MISSED = Number(process.env.MISSED ?? 500)
const DATA = 'x'.repeat(64)

const { node, port, url, stop } = await startNode()

/** @param {RawClient} client @param {number} count */
const publish = async (client, count) => {
  let position = ''
  for (let index = 0; index < count; index++) {
    const reply = await client.request({ type: 'publish', channel: 'big:a', data: DATA })
    if (reply.type !== 'published') throw new Error(JSON.stringify(reply))
    position = reply.position
  }
  return position
}

const first = await RawClient.open(url)
const position = await publish(first, 1)
const subscribe = JSON.stringify([
  { type: 'connect', id: 1 },
  { type: 'subscribe', id: 2, channel: 'big:a', from: position },
])
const before = Array.from({ length: SUBSCRIBERS }, () => new CountingSocket(port, [subscribe], '"caught-up"'))
await Promise.all(before.map((subscriber) => subscriber.reaches(1)))
await node.kill('SIGKILL')
for (const { socket } of before) socket.destroy()

await node.restart()
const publisher = await RawClient.open(url)
await publish(publisher, MISSED)
const rest = memoryOf(node.pid)
let peak = rest
const sampler = setInterval(() => {
  const now = memoryOf(node.pid)
  if (now.rssMib > peak.rssMib) peak = now
}, 50)

const started = performance.now()
let firstAccepted = Infinity
const again = Array.from({ length: SUBSCRIBERS }, () => {
  const subscriber = new CountingSocket(port, [subscribe], '"offset":')
  subscriber.socket.once('data', () => {
    firstAccepted = Math.min(firstAccepted, performance.now())
  })
  return subscriber
})
await Promise.all(again.map((subscriber) => subscriber.reaches(MISSED)))
const seconds = (performance.now() - firstAccepted) / 1000
clearInterval(sampler)
const complete = again.filter(({ count }) => count === MISSED).length
console.log(
  `${complete} of ${SUBSCRIBERS} subscribers complete with ${MISSED} missed publications each; ` +
    `${seconds.toFixed(2)} s from the first let in to the last caught up ` +
    `(${((performance.now() - started) / 1000).toFixed(2)} s from the first attempt); ` +
    `RSS ${rest.rssMib.toFixed(0)} MiB before, ${peak.rssMib.toFixed(0)} MiB at most`,
)
for (const { socket } of again) socket.destroy()
await publisher.close()
await stop()
process.exitCode = complete === SUBSCRIBERS ? 0 : 1

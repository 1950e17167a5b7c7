import { once } from 'node:events'
import { frame, type RawSocket } from '../raw-socket.js'
import type { Attack } from './attack.js'
import { type Attacker, NO_ANSWER } from './attacker.js'

const FIRST_ID = 10
const PER_WRITE = 500
const FLOOD_MS = 100_000
/** Everything that was sent was answered, whatever the pace. */
const ANSWERED = 'all answered'

/** Pieces of so many frames each, so that a flood is written in few writes. */
const inPieces = (count: number, bytesOf: (index: number) => Buffer): readonly Buffer[] =>
  Array.from({ length: Math.ceil(count / PER_WRITE) }, (_, piece) => {
    const start = piece * PER_WRITE
    const length = Math.min(PER_WRITE, count - start)
    return Buffer.concat(Array.from({ length }, (_each, index) => bytesOf(start + index)))
  })

/** Writes no faster than the node takes it, so that it is the node that holds back and no buffer of ours that grows. */
const writeAll = async (raw: RawSocket, pieces: readonly Buffer[], times = 1): Promise<void> => {
  for (let time = 0; time < times; time++) {
    for (const piece of pieces) {
      if (raw.isOver()) return
      if (!raw.socket.write(piece)) await Promise.race([once(raw.socket, 'drain'), raw.ended])
    }
  }
}

/** A session of which a test writes the bytes. */
const openSession = async (attacker: Attacker): Promise<RawSocket> => {
  const raw = await attacker.openRaw()
  const token = attacker.token('eve')
  raw.write(frame(JSON.stringify({ type: 'connect', id: 1, ...(token === undefined ? undefined : { token }) })))
  await raw.until(() => raw.messages.length > 0)
  return raw
}

interface Counted {
  /** How many of each answer: the code of an error, else the type. */
  readonly answers: Map<string, number>
  readonly count: number
}

/** Reads replies until there are so many, or the connection ends. */
const countReplies = async (raw: RawSocket, count: number): Promise<Counted> => {
  const answers = new Map<string, number>()
  let [read, seen] = [0, 0]
  const look = (): boolean => {
    for (; read < raw.frames.length; read++) {
      const received = raw.frames[read]
      if (received?.opcode !== 1) continue
      for (const message of [JSON.parse(received.payload.toString())].flat() as {
        id?: number
        type: string
        code?: string
      }[]) {
        if ((message.id ?? 0) < FIRST_ID) continue
        const answer = message.type === 'error' ? String(message.code) : message.type
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
        seen += 1
      }
    }
    return seen >= count
  }
  await raw.until(look).catch(() => undefined)
  return { answers, count: seen }
}

const command = (index: number, fields: object): Buffer => frame(JSON.stringify({ id: FIRST_ID + index, ...fields }))

const subscribeCount = (attacker: Attacker): number => attacker.size(100_000, 10_000)

const subscribes: Attack = {
  name: 'subscribe-flood',
  threat: '100,000 subscribes of one client take the memory and the time of everybody',
  refusals: ['rate-limited', 'too-many-subscriptions'],
  bytes: (attacker) =>
    inPieces(subscribeCount(attacker), (index) =>
      command(index, { type: 'subscribe', channel: attacker.target.channel(`flood-${index}`) }),
    ),
  run: async (attacker) => {
    const count = subscribeCount(attacker)
    const raw = await openSession(attacker)
    const counting = countReplies(raw, count)
    await writeAll(raw, attacker.prepared)
    const late = attacker.inTime(
      counting.then(() => ''),
      FLOOD_MS,
    )
    if ((await late) === NO_ANSWER) {
      attacker.saw('the last of them', NO_ANSWER)
      return
    }
    const { answers, count: answered } = await counting
    if (answered < count) attacker.saw(`after ${answered} answers`, await attacker.closeOf(raw))
    attacker.sawCounts(answers, 'subscribed', attacker.facts.limits.maxSubscriptions)
  },
}

/** Whether all of so many commands, which were prepared, are answered. */
const areAnswered = async (attacker: Attacker, count: number): Promise<string> => {
  const raw = await openSession(attacker)
  const counting = countReplies(raw, count)
  await writeAll(raw, attacker.prepared)
  const answer = counting.then(({ count: answered }) => (answered === count ? ANSWERED : `${answered} answered`))
  return attacker.inTime(answer, FLOOD_MS)
}

const frameCount = (attacker: Attacker): number => attacker.size(300_000, 10_000)

const frames: Attack = {
  name: 'frame-flood',
  threat: 'small frames without end, each of which costs more to handle than to send',
  refusals: [ANSWERED],
  refusedWith: 'all answered, in turn with others',
  bytes: (attacker) => inPieces(frameCount(attacker), (index) => command(index, { type: 'ping' })),
  run: async (attacker) => {
    const count = frameCount(attacker)
    attacker.saw(`${count} pings as commands`, await areAnswered(attacker, count))
  },
}

const PER_LIST = 3000
const listCount = (attacker: Attacker): number => attacker.size(100, 4)

const lists: Attack = {
  name: 'command-lists',
  threat: 'one frame holds thousands of commands, and nobody else has a turn before they are done',
  refusals: [ANSWERED],
  refusedWith: 'all answered, in turn with others',
  bytes: (attacker) =>
    Array.from({ length: listCount(attacker) }, (_, time) => {
      const first = FIRST_ID + time * PER_LIST
      return frame(
        JSON.stringify(Array.from({ length: PER_LIST }, (_each, index) => ({ type: 'ping', id: first + index }))),
      )
    }),
  run: async (attacker) => {
    const times = listCount(attacker)
    attacker.saw(`${times} frames of ${PER_LIST} commands`, await areAnswered(attacker, PER_LIST * times))
  },
}

/** Whether a command after the flood is answered. */
const isHeard = async (raw: RawSocket, attacker: Attacker): Promise<string> => {
  raw.write(command(0, { type: 'ping' }))
  return attacker.inTime(
    countReplies(raw, 1).then(({ count }) => (count === 1 ? 'heard afterwards' : 'closed')),
    FLOOD_MS,
  )
}

const pings: Attack = {
  name: 'ping-flood',
  threat: 'WebSocket pings without end, each of which asks for a pong',
  refusals: ['heard afterwards'],
  run: async (attacker) => {
    const raw = await openSession(attacker)
    const ping = frame('x'.repeat(100), { opcode: 9 })
    const times = attacker.size(600, 20)
    await writeAll(
      raw,
      inPieces(PER_WRITE, () => ping),
      times,
    )
    attacker.saw('pings', await isHeard(raw, attacker))
    await writeAll(
      raw,
      inPieces(PER_WRITE, () => frame('', { opcode: 10 })),
      times,
    )
    attacker.saw('pongs that nobody asked for', await isHeard(raw, attacker))
  },
}

const unreadPings: Attack = {
  name: 'unread-pings',
  threat: 'pongs pile up in the node’s memory for a client that does not read them',
  refusals: ['heard afterwards'],
  run: async (attacker) => {
    const raw = await openSession(attacker)
    raw.socket.pause()
    const ping = frame('x'.repeat(125), { opcode: 9 })
    await writeAll(
      raw,
      inPieces(PER_WRITE, () => ping),
      attacker.size(600, 100),
    )
    raw.socket.resume()
    attacker.saw('pings, and nothing read', await isHeard(raw, attacker))
  },
}

const HELD_BACK = 'held back'
const STILL_MS = 1500

/** Whether the node stopped reading: what is written is not taken any more for a while. */
const isHeldBack = async (raw: RawSocket): Promise<string> => {
  const late = new Promise<string>((resolve) => setTimeout(() => resolve(HELD_BACK), STILL_MS))
  for (;;) {
    if (raw.isOver()) return 'closed'
    if (raw.socket.writableLength === 0) return 'all of it read'
    const drained = Promise.race([once(raw.socket, 'drain'), raw.ended]).then(() => 'drained')
    if ((await Promise.race([late, drained])) === HELD_BACK) return HELD_BACK
  }
}

const unread: Attack = {
  name: 'unread-replies',
  threat: 'replies pile up in the node’s memory for a client that asks for pages and does not read them',
  refusals: [HELD_BACK],
  run: async (attacker) => {
    const channel = attacker.target.channel('unread')
    const writer = await attacker.session('eve')
    for (let index = 0; index < 50; index++) await writer.request({ type: 'publish', channel, data: 'x'.repeat(5000) })
    const raw = await openSession(attacker)
    raw.socket.pause()
    const padding = 'x'.repeat(10_000)
    // More than the buffers of both operating systems take: what is in them costs the node nothing.
    const bytes = Array.from({ length: 6000 }, (_, index) => command(index, { type: 'history', channel, padding }))
    raw.socket.write(Buffer.concat(bytes))
    attacker.saw('60 MB of history commands', await isHeldBack(raw))
  },
}

/** Too much of what is right. */
export const FLOOD_ATTACKS: readonly Attack[] = [subscribes, frames, lists, pings, unreadPings, unread]

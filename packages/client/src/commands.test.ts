import { jsonCodec } from '@tidings/protocol'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Answer, Commands } from './commands.js'

const LIMITS = { maxFrameBytes: 65_536, maxPayloadBytes: 16_384, maxSubscriptions: 100, maxHistoryPage: 100 }

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const open = (): { readonly commands: Commands; readonly stalled: ReturnType<typeof vi.fn> } => {
  const stalled = vi.fn()
  const commands = new Commands(
    jsonCodec,
    () => undefined,
    stalled as () => void,
    () => undefined,
  )
  commands.limits = LIMITS
  return { commands, stalled }
}

test('a session that owes nothing is not overdue, however long it says nothing', () => {
  const { commands, stalled } = open()
  commands.send({ type: 'ping' }, () => undefined)
  commands.receive({ type: 'pong', id: 2 })
  vi.advanceTimersByTime(120_000)
  expect(stalled).not.toHaveBeenCalled()
})

test('a session that owes a reply and only answers pings is overdue', () => {
  const { commands, stalled } = open()
  commands.send(
    { type: 'history', channel: 'a', direction: undefined, from: undefined, at: undefined, limit: undefined },
    () => undefined,
  )
  for (let id = 3; id < 9; id++) {
    commands.send({ type: 'ping' }, () => undefined)
    vi.advanceTimersByTime(10_000)
    commands.receive({ type: 'pong', id })
  }
  expect(stalled).toHaveBeenCalled()
})

test('without a session a command is answered as lost, and nothing waits for it', () => {
  const { commands, stalled } = open()
  commands.lost()
  const replies: (Answer | undefined)[] = []
  commands.send({ type: 'ping' }, (reply) => replies.push(reply))
  commands.limits = LIMITS
  vi.advanceTimersByTime(120_000)
  expect(replies).toEqual([undefined])
  expect(stalled).not.toHaveBeenCalled()
})

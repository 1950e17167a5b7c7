import { PassThrough } from 'node:stream'
import { jsonCodec } from '@tidings/protocol'
import { describe, expect, it } from 'vitest'
import { Outbound } from './outbound.js'
import { OutboundTotal, type Waiting } from './outbound-total.js'
import { Turn } from './turn.js'

const MAX = 1000

const setUp = () => {
  const ended: string[] = []
  const total = new OutboundTotal(MAX, () => ended.push('told'))
  const peer = (name: string) => {
    const one = {
      waitingBytes: 0,
      countedBytes: 0,
      terminate: () => {
        ended.push(name)
        one.waitingBytes = 0
      },
      holds: (bytes: number) => {
        one.waitingBytes = bytes
        total.count(one satisfies Waiting)
      },
    }
    return one
  }
  return { ended, peer }
}

describe('what waits for all connections', () => {
  it('ends nobody up to the limit', () => {
    const { ended, peer } = setUp()
    for (const name of ['a', 'b', 'c', 'd']) peer(name).holds(MAX / 4)
    expect(ended).toEqual([])
  })

  it('ends those for which most waits, until there is room', () => {
    const { ended, peer } = setUp()
    const [small, large, middle] = [peer('small'), peer('large'), peer('middle')]
    small.holds(100)
    large.holds(500)
    middle.holds(400)
    small.holds(101)
    expect(ended).toEqual(['large', 'told'])
    middle.holds(900)
    expect(ended).toEqual(['large', 'told', 'middle', 'told'])
  })

  it('counts what peers have taken meanwhile before it ends anybody', () => {
    const { ended, peer } = setUp()
    const [quick, slow] = [peer('quick'), peer('slow')]
    quick.holds(900)
    quick.waitingBytes = 0
    slow.holds(800)
    slow.holds(0)
    quick.holds(900)
    expect(ended).toEqual([])
  })
})

describe('a connection for which bytes wait', () => {
  it('is counted again when as many wait as before, though the total saw them go meanwhile', () => {
    const ended: string[] = []
    const total = new OutboundTotal(MAX, () => ended.push('told'))
    const connection = (name: string) => {
      const socket = new PassThrough()
      let waiting = 0
      Object.defineProperty(socket, 'writableLength', { get: () => waiting })
      const terminate = (): void => {
        ended.push(name)
        socket.destroy()
      }
      const limits = { maxBufferedBytes: 1e6, maxUnreadBytes: 1e6 }
      const outbound = new Outbound(socket, { terminate }, jsonCodec, new Turn(), limits, total)
      return (bytes: number) => {
        waiting = bytes
        outbound.endTurn()
        return (left: number) => void (waiting = left)
      }
    }
    const [one, other] = [connection('one'), connection('other')]
    one(700)(0)
    other(400) // Over the limit as far as is known: the total looks, and nothing waits for the first any more.
    expect(ended).toEqual([])
    one(700)
    expect(ended).toEqual(['one', 'told'])
  })
})

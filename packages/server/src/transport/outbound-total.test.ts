import { describe, expect, it } from 'vitest'
import { OutboundTotal, type Waiting } from './outbound-total.js'

const MAX = 1000

const setUp = () => {
  const ended: string[] = []
  const total = new OutboundTotal(MAX, () => ended.push('told'))
  const peer = (name: string) => {
    const one = {
      bufferedBytes: 0,
      terminate: () => {
        ended.push(name)
        one.bufferedBytes = 0
      },
      holds: (bytes: number) => {
        one.bufferedBytes = bytes
        total.count(one satisfies Waiting, bytes)
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
    quick.bufferedBytes = 0
    slow.holds(800)
    slow.holds(0)
    quick.holds(900)
    expect(ended).toEqual([])
  })
})

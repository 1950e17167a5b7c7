import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { REPOSITORY } from './paths.mjs'

/**
 * @typedef {object} Trade
 * @property {number} atUs microseconds since 1970
 * @property {'buy' | 'sell'} side
 * @property {number} price
 * @property {number} amount
 */

/** After how many ms, which side, by how many cents the price changes, how many thousandths are traded. */
const TRADE = /^(\d+)([bs])(-?\d+) (\d+)$/

/** 9,999 trades of a real market. Throws if a line of the fixture is damaged. @returns {readonly Trade[]} */
export const readTrades = () => {
  const text = readFileSync(resolve(REPOSITORY, 'fixtures/trades/day.txt'), 'utf8')
  const [start = '', ...lines] = text.trimEnd().split('\n')
  let [atMs = Number.NaN, cents = Number.NaN] = start.split(' ').map(Number)
  return lines.map((line) => {
    const [, afterMs, side, change, thousandths] = TRADE.exec(line) ?? []
    if (thousandths === undefined) throw new Error(`fixtures/trades/day.txt has a line that is not a trade: ${line}`)
    atMs += Number(afterMs)
    cents += Number(change)
    return {
      atUs: atMs * 1000,
      side: side === 'b' ? 'buy' : 'sell',
      price: cents / 100,
      amount: Number(thousandths) / 1000,
    }
  })
}

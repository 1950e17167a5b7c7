import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { REPOSITORY } from './paths.mjs'

/**
 * @typedef {object} Trade
 * @property {number} atUs microseconds since 1970
 * @property {'buy' | 'sell'} side
 * @property {number} price
 * @property {number} amount
 */

/** 9,999 trades as they were recorded. @returns {readonly Trade[]} */
export const readTrades = () =>
  gunzipSync(readFileSync(resolve(REPOSITORY, 'fixtures/trades/btcusdt-2020-02-22.csv.gz')))
    .toString()
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [, , atUs, , , side, price, amount] = line.split(',')
      return {
        atUs: Number(atUs),
        side: side === 'buy' ? 'buy' : 'sell',
        price: Number(price),
        amount: Number(amount),
      }
    })

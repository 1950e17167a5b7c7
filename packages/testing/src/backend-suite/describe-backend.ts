import { afterEach, beforeEach, describe } from 'vitest'
import { describeBusAndState } from './bus-and-state.js'
import { describeDedupe } from './dedupe.js'
import { describeDurable } from './durable.js'
import { type BackendSubject, Harness } from './harness.js'
import { describeHistory } from './history.js'
import { describeOrder } from './order.js'
import { describePresence } from './presence.js'
import { describeRetention } from './retention.js'
import { describeWatching } from './watching.js'

/**
 * Checks any backend against the promises of the four interfaces. Call it in a vitest file; each test gets a backend of
 * its own from the subject's `create`.
 */
export const describeBackend = (name: string, subject: BackendSubject): void => {
  describe(`backend ${name}`, () => {
    const harness = new Harness(subject)
    beforeEach(() => harness.setUp())
    afterEach(() => harness.tearDown())
    describeOrder(harness)
    describeDedupe(harness)
    describeRetention(harness)
    describeHistory(harness)
    describeWatching(harness)
    describePresence(harness)
    describeBusAndState(harness)
    if (subject.durable) describeDurable(harness)
  })
}

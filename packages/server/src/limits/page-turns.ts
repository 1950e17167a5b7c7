import { Deque } from '../deque.js'
import { type Turn, TurnTally } from '../transport/turn.js'
import type { Account } from './account.js'

/** Bytes of pages that one turn of the event loop sends. The page that passes it is the last one of its turn. */
const BYTES_IN_TURN = 131_072
/** Pages that are being read at once: more would only wait in the backend. */
const MAX_ACTIVE = 8
/** A page costs this much even if it is empty. */
const PAGE_COST_BYTES = 512

/**
 * Commands of one account that wait for a page once its budget is used up; one more is refused. Subscriptions that catch up wait
 * as long as it takes.
 */
const MAX_WAITING_COMMANDS = 16
/** A command that would wait longer is refused. */
const MAX_COMMAND_WAIT_MS = 5000

/** A page of one account: reads and sends it. Resolves to the bytes that it cost. */
type Work = () => Promise<number>

interface Waiting {
  readonly work: Work
  readonly done: () => void
  /** undefined: it is not refused. */
  readonly refused: (() => void) | undefined
}

/** What an account waits for, in order. */
interface Queue {
  readonly account: Account
  waiting: Deque<Waiting>
  commands: number
  /** Set while the account's budget is used up. */
  timer: NodeJS.Timeout | undefined
}

/**
 * Decides when pages of history are read and sent: the answers to history commands, what subscriptions catch up with, and
 * lists of members. Accounts take turns, one page each. One turn of the event loop has time for few pages (at least one), and
 * an account that has used up its budget of bytes waits until it has some again. So pages never hold up publications
 * for longer than one page takes, and nobody who reads much holds up the reading of others.
 */
export class PageTurns {
  readonly #turn: Turn
  readonly #reached: () => void
  /** Accounts with something that waits, in the order of their turns. Those with a timer are not among them. */
  readonly #ready = new Set<Queue>()
  readonly #queues = new Map<Account, Queue>()
  readonly #bytes = new TurnTally()
  #active = 0
  #isScheduled = false
  #goesOnSoon = false

  /** `reached` is called when an account has to wait because its budget is used up. */
  constructor(turn: Turn, reached: () => void) {
    this.#turn = turn
    this.#reached = reached
  }

  /** Runs `work`, which must not reject, when it is the account's turn. Resolves once it is done. */
  run(account: Account, work: Work): Promise<void> {
    return new Promise((done) => {
      this.#push(this.#queueOf(account), { work, done, refused: undefined })
    })
  }

  /**
   * The same for a command, which cannot wait for long: resolves to false if the account has too much under way or must wait
   * too long. Then `work` was not called.
   */
  runCommand(account: Account, work: Work): Promise<boolean> {
    const queue = this.#queueOf(account)
    const waitMs = account.pages.charge(0)
    if (waitMs > MAX_COMMAND_WAIT_MS || (waitMs > 0 && queue.commands >= MAX_WAITING_COMMANDS)) {
      this.#reached()
      this.#forgetIfEmpty(queue)
      return Promise.resolve(false)
    }
    queue.commands += 1
    return new Promise((resolve) => {
      const settle = (isDone: boolean): void => {
        queue.commands -= 1
        resolve(isDone)
      }
      this.#push(queue, { work, done: () => settle(true), refused: () => settle(false) })
    })
  }

  /** What waits will never be called. */
  close(): void {
    for (const queue of this.#queues.values()) clearTimeout(queue.timer)
    this.#queues.clear()
    this.#ready.clear()
  }

  #queueOf(account: Account): Queue {
    let queue = this.#queues.get(account)
    if (queue === undefined) {
      queue = { account, waiting: new Deque(), commands: 0, timer: undefined }
      this.#queues.set(account, queue)
    }
    return queue
  }

  #forgetIfEmpty(queue: Queue): void {
    if (queue.waiting.length === 0 && queue.timer === undefined) this.#queues.delete(queue.account)
  }

  #push(queue: Queue, waiting: Waiting): void {
    queue.waiting.push(waiting)
    if (queue.timer !== undefined) return
    this.#ready.add(queue)
    if (!this.#isScheduled && !this.#goesOnSoon) this.#goOn()
  }

  /** Whether this turn of the event loop has room for a page. */
  #hasTurn(): boolean {
    return this.#bytes.of(this.#turn) < BYTES_IN_TURN && this.#turn.hasTime()
  }

  #goOn(): void {
    if (this.#ready.size === 0 || this.#active >= MAX_ACTIVE) return
    if (this.#hasTurn()) this.#startNext()
    else this.#goOnInNextTurn()
  }

  /** Once what a backend in this process does at once is done and counted, the frames it leads to included. */
  #goOnSoon(): void {
    if (this.#goesOnSoon) return
    this.#goesOnSoon = true
    queueMicrotask(() =>
      process.nextTick(() => {
        this.#goesOnSoon = false
        this.#goOn()
      }),
    )
  }

  #goOnInNextTurn(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#turn.begin()
      // At least one, however little time the turn has left.
      if (this.#active < MAX_ACTIVE) this.#startNext()
    })
  }

  /** The first account whose budget is not used up; the others begin to wait for theirs. */
  #startNext(): void {
    for (const queue of this.#ready) {
      this.#ready.delete(queue)
      const waitMs = queue.account.pages.charge(0)
      if (waitMs > 0) {
        this.#delay(queue, waitMs)
        continue
      }
      const next = queue.waiting.shift()
      if (next === undefined) continue
      if (queue.waiting.length > 0) this.#ready.add(queue)
      this.#start(queue, next)
      return
    }
  }

  #start(queue: Queue, { work, done }: Waiting): void {
    this.#active += 1
    void work().then((bytes) => {
      this.#active -= 1
      const cost = bytes + PAGE_COST_BYTES
      queue.account.pages.charge(cost)
      this.#bytes.add(this.#turn, cost)
      done()
      this.#forgetIfEmpty(queue)
      this.#goOnSoon()
    })
    this.#goOnSoon()
  }

  #delay(queue: Queue, waitMs: number): void {
    this.#reached()
    if (waitMs > MAX_COMMAND_WAIT_MS) refuseCommands(queue)
    if (queue.waiting.length === 0) return this.#forgetIfEmpty(queue)
    queue.timer = setTimeout(() => {
      queue.timer = undefined
      this.#ready.add(queue)
      if (!this.#isScheduled && !this.#goesOnSoon) this.#goOn()
    }, waitMs)
    queue.timer.unref()
  }
}

const refuseCommands = (queue: Queue): void => {
  const patient = new Deque<Waiting>()
  for (let next = queue.waiting.shift(); next !== undefined; next = queue.waiting.shift()) {
    if (next.refused === undefined) patient.push(next)
    else next.refused()
  }
  queue.waiting = patient
}

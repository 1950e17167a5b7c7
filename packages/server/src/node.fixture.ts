import type { Socket } from 'node:net'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { channel, defineContract } from '@tidings/contract'
import { type LocalNode, RawClient, type RawClientOptions, startNode, type StartNodeOptions } from '@tidings/testing'
import { afterEach } from 'vitest'
import { z } from 'zod'
import { memory } from './backend/memory/index.js'
import type { Logger } from './observe/logger.js'
import type { AccessRules, Authenticate } from './options.js'

const brokenSchema: StandardSchemaV1 = {
  '~standard': {
    version: 1,
    vendor: 'fixture',
    validate: () => {
      throw new Error('the schema is broken')
    },
  },
}

/** The contract and the node that the server's own tests use. */
export const contract = defineContract({
  'chat:{room}': channel({
    data: z.object({ text: z.string().max(20) }),
    history: { maxCount: 100 },
    presence: true,
  }),
  'any:{name}': channel({ history: { maxCount: 3 } }),
  'long:{name}': channel({ history: { maxCount: 10_000 } }),
  'typing:{room}': channel({}),
  'private:{id}': channel({ history: { maxCount: 10 } }),
  /** What its schema gives out is not what goes in. */
  'shaped:{name}': channel({
    data: z.object({ text: z.string().transform((text) => text.toUpperCase()), mood: z.string().default('fine') }),
    history: { maxCount: 100 },
  }),
  /** Its schema takes its time, and the longer the smaller the number. */
  'later:{name}': channel({
    data: z.number().refine(async (number) => {
      for (let turns = number; turns < 5; turns++) await endOfTurn()
      return number >= 0
    }),
    history: { maxCount: 100 },
  }),
  /** Its schema throws. */
  'broken:{name}': channel({ data: brokenSchema, history: { maxCount: 100 } }),
})

export type App = typeof contract

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const everything = { subscribe: true, publish: true, presence: true }

export const allow: AccessRules<App> = {
  'chat:{room}': everything,
  'any:{name}': everything,
  'long:{name}': everything,
  'typing:{room}': everything,
  'private:{id}': { subscribe: ({ user, params }) => Promise.resolve(user?.id === params.id) },
  'shaped:{name}': everything,
  'later:{name}': everything,
  'broken:{name}': everything,
}

/** What a node logged. */
export class LoggedLines implements Logger {
  readonly lines: { readonly level: string; readonly text: string; readonly fields: unknown }[] = []

  info(text: string, fields?: object): void {
    this.lines.push({ level: 'info', text, fields })
  }

  warn(text: string, fields?: object): void {
    this.lines.push({ level: 'warn', text, fields })
  }

  error(text: string, fields?: object): void {
    this.lines.push({ level: 'error', text, fields })
  }
}

/** Runs when the test has ended, the latest first. */
export const afterTest = (close: () => unknown): void => void open.push(close)

const authenticate: Authenticate = ({ token }) => {
  if (token === 'bad') return false
  if (token === 'broken') throw new Error('the users’ database is away')
  return token === undefined ? null : { id: token }
}

/** Ends with the test. The token is the user; `bad` is refused; without one anonymous. Under dev its own identity. */
export const start = async (options: Partial<StartNodeOptions<App>> = {}): Promise<LocalNode<App>> => {
  const node = await startNode<App>({
    contract,
    backend: memory(),
    ...(options.dev === true ? {} : { authenticate }),
    allow,
    ...options,
  })
  open.push(() => node.close())
  return node
}

/** Ends with the test. */
export const connect = async (node: { readonly url: string }, options: RawClientOptions = {}): Promise<RawClient> => {
  const client = await RawClient.open(node.url, options)
  open.push(async () => {
    client.socket.terminate()
    await client.closed
  })
  return client
}

/** Publishes whole numbers one after the other; their positions. */
export const publishNumbers = async (client: RawClient, name: string, count: number, from = 0): Promise<string[]> => {
  const positions: string[] = []
  for (let index = from; index < from + count; index++) {
    const reply = await client.request({ type: 'publish', channel: name, data: index })
    positions.push((reply as { position: string }).position)
  }
  return positions
}

/** A promise and its key. */
export const latch = <Value = void>(): { readonly opened: Promise<Value>; readonly open: (value: Value) => void } => {
  let open: (value: Value) => void = () => undefined
  const opened = new Promise<Value>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Looks again at every turn of the event loop until it is so; the test's own deadline ends it otherwise. */
export const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await endOfTurn()
}

/** The session's socket on the node's side. Call before connecting; it is the next connection. */
export const nodeSide = (node: LocalNode<App>): Promise<Socket> =>
  new Promise((resolve) => node.http.once('connection', resolve))

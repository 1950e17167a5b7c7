import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Contract, InputOf, OutputOf, ParamsArguments, PatternOf } from '@tidings/contract'
import type { Codec } from '@tidings/protocol'
import { Access } from './access/access.js'
import { admitHandshake, type HandshakeRefusal } from './access/admission.js'
import type { BackendError } from './backend/backend.js'
import { type ChannelHandle, channelHandle } from './channel-handle.js'
import { Channels } from './channels.js'
import { systemClock } from './clock.js'
import { Gate } from './commands/command.js'
import { connectCommand } from './commands/connect.js'
import { historyCommand } from './commands/history.js'
import { presenceCommand } from './commands/presence.js'
import { publishCommand } from './commands/publish.js'
import { subscribeCommand, unsubscribe } from './commands/subscribe.js'
import { Hub } from './fanout/hub.js'
import { PresenceFeeds } from './fanout/presence-feed.js'
import { type Health, type HealthStatus, respondHealth } from './http/health.js'
import { describeError, jsonLogger } from './observe/logger.js'
import type { ChannelAccess, TidingsOptions } from './options.js'
import { checkOptions } from './options-check.js'
import type { Dispatch } from './session/command-queue.js'
import { createDispatch } from './session/dispatch.js'
import { PresenceEntries } from './session/presence-entries.js'
import { Sessions } from './session/sessions.js'
import { echo } from './transport/echo.js'
import type { Connection, ConnectionHandler } from './transport/transport.js'
import { Turn } from './transport/turn.js'
import { attachWebSockets, CODECS } from './transport/websocket-transport.js'

/** One node. It serves once it is attached to an HTTP server and its backend is open. */
export interface Tidings<App extends Contract = Contract> {
  /** Resolves when the backend is open; rejects with BackendError when it cannot be, and then the node serves nothing. */
  readonly ready: Promise<void>
  /** Resolves when the backend can no longer keep its promises: the application must stop. Otherwise stays pending. */
  readonly failed: Promise<BackendError>
  /** Serves sessions on a path (default `/ws`). The returned function stops taking new ones; open ones go on. */
  attach(server: HttpServer | HttpsServer, options?: { readonly path?: string }): () => void
  /** Sends every frame back on a path, under the same limits: for conformance suites. */
  attachEcho(server: HttpServer | HttpsServer, options: { readonly path: string }): () => void
  /** One channel, for the application itself. Throws for a channel that does not exist. */
  channel<Source extends PatternOf<App>>(
    pattern: Source,
    ...params: ParamsArguments<NoInfer<Source>>
  ): ChannelHandle<InputOf<App, Source>, OutputOf<App, Source>>
  health(): Health
  /** A request listener that answers with the health as JSON. */
  respondHealth(request: IncomingMessage, response: ServerResponse): void
  /**
   * Says goodbye to every session (they reconnect elsewhere), waits at most `drainMs` (default 5000) for them to leave,
   * and closes the backend. The HTTP server stays the application's.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>
}

/** Makes a node and opens its backend. Throws OptionsError for a wrong option. */
export const createTidings = <const App extends Contract>(options: TidingsOptions<App>): Tidings<App> => {
  const { limits, heartbeat, presenceGraceMs, dev, origins, compression } = checkOptions(options)
  const { backend, contract, authenticate, clock = systemClock, logger = jsonLogger } = options
  const { log, presence: store } = backend
  let status: HealthStatus = 'starting'

  const turn = new Turn()
  const hub = new Hub(log, turn)
  const presence = new PresenceFeeds(store)
  const channels = new Channels(contract, dev, backend.durabilities[0] ?? 'none')
  const gate = new Gate(channels, new Access((options.allow ?? {}) as Record<string, ChannelAccess>, dev))
  const now = (): number => clock.now()
  const monotonic = (): number => clock.monotonic()
  const entries = new PresenceEntries(store, presenceGraceMs, now, (error) =>
    logger.warn('a presence entry could not be removed', describeError(error)),
  )
  const sessions = new Sessions({
    limits,
    heartbeat,
    monotonic,
    ended: (session, clean) => entries.sessionEnded(session, clean),
  })
  // A frame that a dying connection still holds can arrive until its deadline; by then its id must be remembered.
  const retryWindowMs = channels.shortestDedupeWindowMs() - heartbeat.deadlineMs
  const { maxPayloadBytes, maxHistoryPage, maxSubscriptions, maxPresenceBytes } = limits
  const dispatch: Dispatch = createDispatch(
    {
      connect: connectCommand({
        authenticate,
        dev,
        limits,
        now,
        retryWindowMs,
        pingIntervalMs: heartbeat.intervalMs,
        failed: (error) =>
          logger.error('authenticate failed; return false to refuse somebody for good', describeError(error)),
      }),
      subscribe: subscribeCommand({ gate, log, hub, presence, maxSubscriptions }),
      unsubscribe,
      publish: publishCommand({ gate, log, maxPayloadBytes }),
      history: historyCommand({ gate, log, maxHistoryPage }),
      presence: presenceCommand({ gate, store, entries, maxPresenceBytes, maxEntered: maxSubscriptions }),
      ping: (_session, _identity, { id }) => ({ type: 'pong', id }),
    },
    logger,
  )

  let fail: (error: BackendError) => void = () => undefined
  const failed = new Promise<BackendError>((resolve) => {
    fail = (error) => {
      status = 'failing'
      logger.error('the backend failed; this node must stop', describeError(error))
      sessions.disconnectAll(4004)
      resolve(error)
    }
  })
  const ready = backend
    .open((error) => fail(error))
    .then(
      () => {
        if (status === 'starting') status = 'ok'
      },
      (error: unknown) => {
        status = 'failing'
        throw error
      },
    )
  ready.catch(() => undefined) // Whoever waits for it is told; nobody has to wait.

  const admit = (request: IncomingMessage): HandshakeRefusal | undefined =>
    status === 'ok'
      ? admitHandshake(request, { dev, origins })
      : { status: 503, code: 'unavailable', message: `this node is ${status}` }
  const serve = (
    server: HttpServer | HttpsServer,
    path: string,
    codecs: readonly Codec[],
    accept: (connection: Connection) => ConnectionHandler,
  ): (() => void) => attachWebSockets(server, { path, codecs, limits, turn, compression, admit, accept })

  let closed: Promise<void> | undefined
  const close = async (drainMs: number): Promise<void> => {
    status = 'closing'
    await sessions.close(drainMs)
    hub.close()
    presence.close()
    entries.close()
    await ready.then(
      () => backend.close(),
      () => undefined,
    )
  }

  return {
    ready,
    failed,
    attach: (server, { path = '/ws' } = {}) =>
      serve(server, path, CODECS, (connection) => sessions.open(connection, dispatch)),
    attachEcho: (server, { path }) => serve(server, path, [], echo),
    channel: <Source extends PatternOf<App>>(pattern: Source, ...[params]: ParamsArguments<NoInfer<Source>>) =>
      channelHandle<App, Source>(
        { channels, log, presence: store, ready, maxPayloadBytes, maxHistoryPage },
        pattern,
        params ?? {},
      ),
    health: () => ({ status, backend: backend.name, sessions: sessions.size, channels: hub.channelCount }),
    respondHealth(request, response) {
      respondHealth(this.health(), request, response)
    },
    close: ({ drainMs = 5000 } = {}) => {
      closed ??= close(drainMs)
      return closed
    },
  }
}

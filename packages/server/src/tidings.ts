import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Server as NetServer } from 'node:net'
import type { Contract, InputOf, OutputOf, ParamsArguments, PatternOf } from '@tidings/contract'
import { Access } from './access/access.js'
import { ConnectionLimits } from './access/connection-limits.js'
import { createAuthentication } from './access/create-authentication.js'
import { FailedTokens } from './access/failed-tokens.js'
import type { Revocation } from './access/revocations.js'
import { SocketLimits } from './access/socket-limits.js'
import { TokenExpiry } from './access/token-expiry.js'
import type { Backend, BackendError } from './backend/backend.js'
import { type ChannelHandle, channelHandle } from './channel-handle.js'
import { type Channel, Channels } from './channels.js'
import { systemClock } from './clock.js'
import { Gate } from './commands/command.js'
import { createCommands } from './commands/create-commands.js'
import { Entrance } from './entrance.js'
import { Hub } from './fanout/hub.js'
import { PresenceFeeds } from './fanout/presence-feed.js'
import { type Health, respondHealth } from './http/health.js'
import { paceRequests } from './http/pace-requests.js'
import { RevocationRequests } from './http/revocation-requests.js'
import { Lifecycle } from './lifecycle.js'
import { Accounts } from './limits/accounts.js'
import { accountRates } from './limits/account-rates.js'
import { PageTurns } from './limits/page-turns.js'
import { OpenFiles } from './limits/open-files.js'
import { ForwardingWarnings } from './observe/forwarding-warnings.js'
import { type CountedLimit, LimitsReached } from './observe/limits-reached.js'
import { describeError, jsonLogger } from './observe/logger.js'
import { OperatorLog } from './observe/observer.js'
import type { ChannelAccess, TidingsOptions } from './options.js'
import { checkOptions } from './options-check.js'
import { optionsWarnings } from './options-warnings.js'
import { createDispatch } from './session/dispatch.js'
import { retryWindowMsOf } from './session/freshness.js'
import { PresenceEntries } from './session/presence-entries.js'
import { Sessions } from './session/sessions.js'
import { echo } from './transport/echo.js'
import { Turn } from './transport/turn.js'
import { CODECS } from './transport/websocket-transport.js'

/** One node. It serves once it is attached to an HTTP server and its backend is open. */
export interface Tidings<App extends Contract = Contract> {
  /** Resolves when the backend is open; rejects with BackendError when it cannot be, and then the node serves nothing. */
  readonly ready: Promise<void>
  /** Resolves when the backend can no longer keep its promises: the application must stop. Otherwise stays pending. */
  readonly failed: Promise<BackendError>
  /** Serves sessions on a path (default `/ws`). The returned function stops taking new ones; open ones go on. */
  attach(server: HttpServer | HttpsServer, options?: { readonly path?: string }): () => void
  /**
   * Bounds all sockets of a server, whatever they are used for: as many again as `maxConnections` and
   * `maxConnectionsPerAddress` say, at least 64 and 16 more, and fewer when this process runs out of files. Without it handshakes that never end are bounded by their time only.
   *
   * On an HTTP or HTTPS server it paces the requests too, the application's own included: a connection has one request in
   * flight, others have a turn of the event loop before its next one, and an address sends `requestsPerSecond` after
   * `requestBurst`; one more is answered 429 `rate-limited`. Without it a client that sends requests without waiting for
   * the answers keeps all others waiting. Call it once, before the server listens.
   */
  readonly limitSockets: (server: NetServer) => void
  /** Sends every frame back on a path, under the same limits: for conformance suites. */
  attachEcho(server: HttpServer | HttpsServer, options: { readonly path: string }): () => void
  /** One channel, for the application itself. Throws for a channel that does not exist. */
  channel<Source extends PatternOf<App>>(
    pattern: Source,
    ...params: ParamsArguments<NoInfer<Source>>
  ): ChannelHandle<InputOf<App, Source>, OutputOf<App, Source>>
  /**
   * Ends the sessions of a user, a session, or the sessions of a token (by its `jti`) with 4502, so that they do not come
   * back, and refuses the tokens: all that the user had so far, or those of the session. Survives a restart
   * where the backend does. Resolves once it is kept. A user whom `authenticate` knows without a token is ended only:
   * whether to let them in again is the application's. Rejects with BackendError, or TypeError for a wrong argument.
   */
  revoke(revocation: Revocation): Promise<void>
  health(): Health
  /** How often each limit refused or slowed somebody down since the start; those that never did are left out. */
  limitsReached(): Readonly<Partial<Record<CountedLimit, number>>>
  /** A request listener that answers with the health as JSON. */
  respondHealth(request: IncomingMessage, response: ServerResponse): void
  /**
   * A request listener that lets operators revoke: a POST with an operator's token and the JSON of a revocation, as
   * `tidings revoke` sends it. For one path of your choice; it answers everything that comes there.
   */
  respondRevocation(request: IncomingMessage, response: ServerResponse): void
  /**
   * Says goodbye to every session (they reconnect elsewhere), waits at most `drainMs` (default 5000) for them to leave,
   * and closes the backend. The HTTP server stays the application's.
   */
  close(options?: { readonly drainMs?: number }): Promise<void>
}

/** Whether anything is stored of a channel, or anybody is in it, on whichever node. */
const isInUseElsewhere = async ({ log, presence }: Backend, channel: Channel): Promise<boolean> =>
  (await log.isInUse(channel.log)) || (channel.presence && (await presence.members(channel.name)).length > 0)

/** Makes a node and opens its backend. Throws OptionsError for a wrong option. */
export const createTidings = <const App extends Contract>(options: TidingsOptions<App>): Tidings<App> => {
  const resolved = checkOptions(options)
  const { limits, heartbeat, presenceGraceMs, dev } = resolved
  const { backend, contract, authenticate, tokens, clock = systemClock, logger = jsonLogger } = options
  for (const sentence of optionsWarnings(options)) logger.warn(sentence)
  const { log, presence: store } = backend
  const now = (): number => clock.now()
  const monotonic = (): number => clock.monotonic()

  const limitsReached = new LimitsReached(logger, monotonic)
  const reached = limitsReached.count
  const observer = new OperatorLog(logger)
  const connections = new ConnectionLimits(limits, reached)
  const channels = new Channels(contract, dev, backend.durabilities[0] ?? 'none', {
    perSecond: limits.publishesPerSecond,
    burst: limits.publishBurst,
    monotonic,
  })
  const dedupeWindowMs = channels.shortestDedupeWindowMs()
  const retryWindowMs = retryWindowMsOf(dedupeWindowMs, heartbeat)
  const access = new Access((options.allow ?? {}) as Record<string, ChannelAccess>, dev)
  const turn = new Turn()
  const accounts = new Accounts(accountRates(limits, monotonic))
  const pages = new PageTurns(turn, () => reached('historyBytesPerSecond'))
  const hub = new Hub(log, turn)
  const presence = new PresenceFeeds(store)
  const isInUse = (channel: Channel): boolean | Promise<boolean> =>
    hub.isUsed(channel.name) || isInUseElsewhere(backend, channel)
  const entries = new PresenceEntries(
    store,
    limits.maxPresenceTotalBytes,
    presenceGraceMs,
    now,
    (session, channel, error) =>
      observer.failed({ text: 'a presence entry could not be removed', error, channel, ...session.actor }),
  )
  const expiry = new TokenExpiry(now)
  const sessions = new Sessions({
    limits,
    heartbeat,
    monotonic,
    maxFrameAgeMs: dedupeWindowMs - retryWindowMs,
    reached,
    observer,
    ended: (session, clean) => {
      const user = session.identity?.user
      if (user) connections.userLeft(user.id)
      if (session.identity !== undefined) session.identity.account.holders -= 1
      expiry.forget(session)
      entries.sessionEnded(session, clean)
    },
  })
  const { authenticator, revocations, verifier } = createAuthentication({
    tokens,
    authenticate,
    dev,
    backend,
    sessions,
    clock,
    logger,
  })
  const commands = createCommands({
    ...{
      authenticator,
      expiry,
      connections,
      accounts,
      pages,
      access,
      channels,
      gate: new Gate(channels, access, isInUse),
    },
    ...{ log, hub, presence, store, entries, limits, now, monotonic, reached, observer },
    failedTokens: new FailedTokens(accounts, reached),
    pingIntervalMs: heartbeat.intervalMs,
    retryWindowMs,
  })
  const dispatch = createDispatch(commands, observer, reached)
  const lifecycle = new Lifecycle({
    backend,
    opened: () => revocations.start(),
    failed: (error) => {
      logger.error('the backend failed; this node must stop', describeError(error))
      sessions.disconnectAll(4004)
    },
  })
  void verifier?.warm()
  const { ready, failed } = lifecycle
  const status = () => lifecycle.status
  const forwarding = new ForwardingWarnings(resolved, logger)
  const entrance = new Entrance({
    ...{ options: resolved, status, connections, accounts, turn, monotonic, reached, observer, forwarding },
  })
  const { addressOf } = entrance
  const { isTrustedProxy } = resolved
  const sockets = new SocketLimits(limits, isTrustedProxy, reached)
  const pace = paceRequests({ limits, isTrustedProxy, turn, monotonic, reached, observer })
  const files = new OpenFiles(logger)
  const revocationRequests = new RevocationRequests({
    ...{ verifier, revocations, status, addressOf, monotonic, logger, observer },
  })

  const health = (): Health => ({
    status: status(),
    backend: backend.name,
    sessions: sessions.size,
    channels: hub.channelCount,
  })
  const close = async (drainMs: number): Promise<void> => {
    lifecycle.close()
    await sessions.close(drainMs)
    for (const part of [hub, presence, entries, expiry, revocations, pages, observer, files]) part.close()
    await ready.then(
      () => backend.close(),
      () => undefined,
    )
  }
  let closed: Promise<void> | undefined

  return {
    ready,
    failed,
    attach: (server, { path = '/ws' } = {}) =>
      entrance.open(server, {
        path,
        codecs: CODECS,
        limits,
        accept: (connection) => sessions.open(connection, dispatch),
      }),
    limitSockets: (server) => {
      server.on('connection', (socket) => {
        if (files.hasRoomFor(socket)) sockets.opened(socket)
      })
      pace(server)
    },
    // Who is echoed gets his own frames and nothing else.
    attachEcho: (server, { path }) =>
      entrance.open(server, { path, codecs: [], limits: { ...limits, maxUnreadBytes: Infinity }, accept: echo }),
    channel: <Source extends PatternOf<App>>(pattern: Source, ...[params]: ParamsArguments<NoInfer<Source>>) =>
      channelHandle<App, Source>({ channels, log, presence: store, ready, ...limits }, pattern, params ?? {}),
    revoke: async (revocation) => {
      await ready
      await revocations.revoke(revocation)
    },
    health,
    limitsReached: () => limitsReached.counts,
    respondHealth: (request, response) => respondHealth(health(), request, response),
    respondRevocation: (request, response) => void revocationRequests.respond(request, response),
    close: ({ drainMs = 5000 } = {}) => (closed ??= close(drainMs)),
  }
}

import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Contract, InputOf, OutputOf, ParamsArguments, PatternOf } from '@tidings/contract'
import type { Codec } from '@tidings/protocol'
import { Access } from './access/access.js'
import { admitHandshake, type HandshakeRefusal } from './access/admission.js'
import { Authenticator } from './access/authenticator.js'
import { ConnectionLimits } from './access/connection-limits.js'
import { type Revocation, Revocations } from './access/revocations.js'
import { TokenExpiry } from './access/token-expiry.js'
import { TokenVerifier } from './access/tokens/token-verifier.js'
import { clientAddress } from './access/client-address.js'
import type { BackendError } from './backend/backend.js'
import { type ChannelHandle, channelHandle } from './channel-handle.js'
import { Channels } from './channels.js'
import { systemClock } from './clock.js'
import { Gate } from './commands/command.js'
import { connectCommand } from './commands/connect.js'
import { historyCommand } from './commands/history.js'
import { presenceCommand } from './commands/presence.js'
import { publishCommand } from './commands/publish.js'
import { refreshCommand } from './commands/refresh.js'
import { subscribeCommand, unsubscribe } from './commands/subscribe.js'
import { Hub } from './fanout/hub.js'
import { PresenceFeeds } from './fanout/presence-feed.js'
import { type Health, type HealthStatus, respondHealth } from './http/health.js'
import { type CountedLimit, LimitsReached } from './observe/limits-reached.js'
import { describeError, jsonLogger, withoutSecret } from './observe/logger.js'
import type { ChannelAccess, TidingsOptions } from './options.js'
import { checkOptions } from './options-check.js'
import type { Dispatch } from './session/command-queue.js'
import { createDispatch } from './session/dispatch.js'
import { PresenceEntries } from './session/presence-entries.js'
import type { Session } from './session/session.js'
import { Sessions } from './session/sessions.js'
import { echo } from './transport/echo.js'
import type { Connection, ConnectionHandler } from './transport/transport.js'
import { OutboundTotal } from './transport/outbound-total.js'
import { Turn } from './transport/turn.js'
import { attachWebSockets, CODECS, type WebSocketLimits } from './transport/websocket-transport.js'

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
  /**
   * Ends the sessions of a user, a session, or the sessions of a token (by its `jti`) with 4502, so that they do not come
   * back, and refuses the tokens: all that the user had so far, or the one that the session came with. Survives a restart
   * where the backend does. Resolves once it is kept. A user whom `authenticate` knows without a token is ended only:
   * whether to let him in again is the application's. Rejects with BackendError, or TypeError for a wrong argument.
   */
  revoke(revocation: Revocation): Promise<void>
  health(): Health
  /** How often each limit refused or slowed somebody down since the start; those that never did are left out. */
  limitsReached(): Readonly<Partial<Record<CountedLimit, number>>>
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
  const { limits, heartbeat, presenceGraceMs, dev, origins, compression, isTrustedProxy } = checkOptions(options)
  const { backend, contract, authenticate, tokens, clock = systemClock, logger = jsonLogger } = options
  const { log, presence: store } = backend
  let status: HealthStatus = 'starting'

  const turn = new Turn()
  const hub = new Hub(log, turn)
  const presence = new PresenceFeeds(store)
  const now = (): number => clock.now()
  const monotonic = (): number => clock.monotonic()
  const channels = new Channels(contract, dev, backend.durabilities[0] ?? 'none', {
    perSecond: limits.publishesPerSecond,
    burst: limits.publishBurst,
    monotonic,
  })
  const access = new Access((options.allow ?? {}) as Record<string, ChannelAccess>, dev)
  const gate = new Gate(channels, access)
  const entries = new PresenceEntries(store, presenceGraceMs, now, (error) =>
    logger.warn('a presence entry could not be removed', describeError(error)),
  )
  const limitsReached = new LimitsReached(logger, monotonic)
  const reached = limitsReached.count
  const connections = new ConnectionLimits(limits, reached)
  const outboundTotal = new OutboundTotal(limits.maxOutboundBytes, () => reached('maxOutboundBytes'))
  const sessions = new Sessions({
    limits,
    heartbeat,
    monotonic,
    ended: (session, clean) => {
      const user = session.identity?.user
      if (user) connections.userLeft(user.id)
      expiry.forget(session)
      entries.sessionEnded(session, clean)
    },
  })
  const expiry = new TokenExpiry(now)
  const verifier =
    tokens === undefined
      ? undefined
      : new TokenVerifier(tokens, {
          clock,
          failed: (why) => logger.warn('the keys at tokens.jwks could not be fetched', { why }),
        })
  const revocations = new Revocations({
    backend,
    now,
    keptMs: verifier?.longestLifetimeMs ?? 0,
    clockToleranceMs: verifier?.clockToleranceMs ?? 0,
    tokenOf: (id) => sessions.find(id)?.identity?.token?.name,
    end: (target) => sessions.disconnectAll(4502, (session) => isOf(session, target)),
    failed: (error) => logger.error('a revocation could not be kept or swept', describeError(error)),
  })
  const authenticator = new Authenticator({
    verifier,
    authenticate,
    anonymous: tokens?.anonymous ?? false,
    dev,
    revocations,
  })
  const identityFailed = (error: unknown, token: string | undefined): void =>
    logger.error(
      'who a client is could not be found out; let authenticate return false to refuse somebody for good',
      withoutSecret(describeError(error), token),
    )
  const identityRefused = ({ connection }: Session, code: string): void =>
    logger.info('a client was refused', { code, remoteAddress: connection.handshake.remoteAddress })
  // A frame that a dying connection still holds can arrive until its deadline; by then its id must be remembered.
  const retryWindowMs = channels.shortestDedupeWindowMs() - heartbeat.deadlineMs
  const { maxPayloadBytes, maxHistoryPage, maxSubscriptions, maxPresenceBytes } = limits
  const dispatch: Dispatch = createDispatch(
    {
      connect: connectCommand({
        authenticator,
        expiry,
        connections,
        limits,
        now,
        retryWindowMs,
        pingIntervalMs: heartbeat.intervalMs,
        failed: identityFailed,
        refused: identityRefused,
      }),
      refresh: refreshCommand({
        authenticator,
        expiry,
        access,
        channels,
        entries,
        failed: identityFailed,
        refused: identityRefused,
      }),
      subscribe: subscribeCommand({ gate, log, hub, presence, maxSubscriptions, reached }),
      unsubscribe,
      publish: publishCommand({ gate, log, maxPayloadBytes, reached }),
      history: historyCommand({ gate, log, maxHistoryPage }),
      presence: presenceCommand({ gate, store, entries, maxPresenceBytes, maxEntered: maxSubscriptions, reached }),
      ping: (_session, _identity, { id }) => ({ type: 'pong', id }),
    },
    logger,
    reached,
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
    .then(() => revocations.start())
    .then(
      () => {
        if (status === 'starting') status = 'ok'
      },
      (error: unknown) => {
        status = 'failing'
        throw error
      },
    )
  void verifier?.warm()
  ready.catch(() => undefined) // Whoever waits for it is told; nobody has to wait.

  const addressOf = ({ socket, headers }: IncomingMessage): string =>
    clientAddress(socket.remoteAddress, headers, isTrustedProxy)
  const admit = (request: IncomingMessage): HandshakeRefusal | undefined =>
    status === 'ok'
      ? (admitHandshake(request, { dev, origins }) ?? connections.refusal(addressOf(request)))
      : { status: 503, code: 'unavailable', message: `this node is ${status}` }
  const serve = (
    server: HttpServer | HttpsServer,
    path: string,
    codecs: readonly Codec[],
    accept: (connection: Connection) => ConnectionHandler,
    connectionLimits: WebSocketLimits = limits,
  ): (() => void) =>
    attachWebSockets(server, {
      ...{ path, codecs, limits: connectionLimits, turn, outboundTotal, compression, admit, addressOf },
      accept: (connection) => {
        connections.opened(connection.handshake.remoteAddress)
        return accept(connection)
      },
      inboundRate: { perSecond: limits.bytesPerSecond, burst: limits.bytesBurst, monotonic },
      throttled: ({ handshake }) => reached('bytesPerSecond', handshake.remoteAddress),
      closed: ({ handshake }) => connections.closed(handshake.remoteAddress),
    })

  let closed: Promise<void> | undefined
  const close = async (drainMs: number): Promise<void> => {
    status = 'closing'
    await sessions.close(drainMs)
    hub.close()
    presence.close()
    entries.close()
    expiry.close()
    revocations.close()
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
    // Who is echoed gets his own frames and nothing else.
    attachEcho: (server, { path }) => serve(server, path, [], echo, { ...limits, maxUnreadBytes: Infinity }),
    channel: <Source extends PatternOf<App>>(pattern: Source, ...[params]: ParamsArguments<NoInfer<Source>>) =>
      channelHandle<App, Source>(
        { channels, log, presence: store, ready, maxPayloadBytes, maxHistoryPage },
        pattern,
        params ?? {},
      ),
    revoke: async (revocation) => {
      await ready
      await revocations.revoke(revocation)
    },
    health: () => ({ status, backend: backend.name, sessions: sessions.size, channels: hub.channelCount }),
    limitsReached: () => limitsReached.counts,
    respondHealth(request, response) {
      respondHealth(this.health(), request, response)
    },
    close: ({ drainMs = 5000 } = {}) => {
      closed ??= close(drainMs)
      return closed
    },
  }
}

const isOf = ({ id, identity }: Session, target: Revocation): boolean => {
  if ('user' in target) return identity?.user?.id === target.user
  if ('token' in target) return identity?.token?.name === target.token
  return id === target.session
}

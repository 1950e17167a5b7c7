import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Logger, Tidings } from '@tidings/server'
import { systemCode } from '../exit.js'
import { notice } from '../output.js'
import { type Certificate, type CertificateFiles, loadCertificate } from './certificate.js'
import { CertificateWatch } from './certificate-watch.js'
import { closeHttpServer, createHttpServer, createTlsServer, type HttpParts, listen } from './http.js'
import { createRedirectServer } from './redirect.js'
import type { RedirectTarget } from './redirect-target.js'
import type { TlsSettings } from './settings.js'

/** Between two lines about connections that could not be accepted. */
const QUIET_MS = 60_000

/** What TLS needs, loaded and checked. */
export interface Tls {
  readonly files: CertificateFiles
  readonly certificate: Certificate
  readonly redirectFrom: number | undefined
  readonly redirectTo: RedirectTarget | undefined
}

/** Rejects with CommandError when the certificate cannot be used. */
export const openTls = async (settings: TlsSettings | undefined): Promise<Tls | undefined> =>
  settings === undefined ? undefined : { ...settings, certificate: await loadCertificate(settings.files) }

/** The ports of one node: its HTTP or HTTPS server, and with TLS perhaps one that redirects there. */
export class WebServer {
  /** WebSockets are attached to it by others. */
  readonly http: Server | HttpsServer
  readonly #tls: Tls | undefined
  readonly #watch: CertificateWatch | undefined
  readonly #limitSockets: Tidings['limitSockets']
  readonly #logger: Logger
  #redirect: Server | undefined
  #quietUntilMs = 0

  constructor(parts: HttpParts, tls: Tls | undefined, limitSockets: Tidings['limitSockets'], logger: Logger) {
    this.#tls = tls
    this.#limitSockets = limitSockets
    this.#logger = logger
    if (tls === undefined) {
      this.http = createHttpServer(parts)
      limitSockets(this.http)
      return
    }
    const server = createTlsServer(parts, tls.certificate.context)
    this.http = server
    limitSockets(server)
    this.#watch = new CertificateWatch(tls.files, tls.certificate, {
      // Open connections go on with the keys they have.
      renewed: ({ context, validToMs }) => {
        server.setSecureContext(context)
        notice(`The certificate was renewed; it is valid until ${new Date(validToMs).toISOString()}.`)
      },
      warn: (sentence) => logger.warn(sentence),
    })
  }

  /** Resolves with the ports that were bound; rejects with CommandError, and then none is. */
  async listen(host: string, wantedPort: number): Promise<{ readonly port: number; readonly redirectPort?: number }> {
    try {
      const port = await listen(this.http, host, wantedPort)
      this.http.on('error', this.#notAccepted)
      if (this.#tls?.redirectFrom === undefined) return { port }
      this.#redirect = createRedirectServer(this.#tls.redirectTo ?? { port })
      this.#limitSockets(this.#redirect)
      const redirectPort = await listen(this.#redirect, host, this.#tls.redirectFrom, '--redirect-from')
      this.#redirect.on('error', this.#notAccepted)
      return { port, redirectPort }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** A system that is out of files or memory says so for each connection; without a listener that would end the process. */
  readonly #notAccepted = (error: Error): void => {
    const nowMs = performance.now()
    if (nowMs < this.#quietUntilMs) return
    this.#quietUntilMs = nowMs + QUIET_MS
    this.#logger.error('a connection could not be accepted', { error: error.message, code: systemCode(error) })
  }

  /** Lets go of the ports, and of every connection that is not a WebSocket. */
  close(): void {
    this.#watch?.stop()
    closeHttpServer(this.http)
    if (this.#redirect !== undefined) closeHttpServer(this.#redirect)
  }
}

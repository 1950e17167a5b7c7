import { sentenceOf } from '../exit.js'
import { type Certificate, type CertificateFiles, certificateStamp, loadCertificate } from './certificate.js'
import { ValidityReminder } from './certificate-validity.js'

export interface CertificateListener {
  /** Another pair is there, and it was checked. */
  renewed(certificate: Certificate): void
  /** One sentence: what is there cannot be used and the pair before goes on, or the one in use is not valid, or not for long. */
  warn(sentence: string): void
}

const LOOK_EVERY_MS = 1000

/**
 * Looks at the two files and hands over each new pair, until it is stopped.
 *
 * It looks rather than being told: certbot swaps links, Kubernetes swaps the folder that links lead to, and network file
 * systems say nothing, but what changed always has another stamp. A pair is loaded once it has stood still from one look
 * to the next, so that the two files may be written one after the other.
 */
export class CertificateWatch {
  readonly #files: CertificateFiles
  readonly #listener: CertificateListener
  readonly #lookEveryMs: number
  #inUse: Certificate
  /** Of the pair that was tried last, and what the latest look saw. */
  #triedStamp: string
  #seenStamp: string
  #reminder = new ValidityReminder()
  #isStopped = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    files: CertificateFiles,
    loaded: Certificate,
    listener: CertificateListener,
    lookEveryMs = LOOK_EVERY_MS,
  ) {
    this.#files = files
    this.#inUse = loaded
    this.#listener = listener
    this.#lookEveryMs = lookEveryMs
    this.#triedStamp = this.#seenStamp = loaded.stamp
    this.#sayValidity()
    this.#lookLater()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** It keeps no process alive. */
  #lookLater(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#lookEveryMs).unref()
  }

  async #look(): Promise<void> {
    const stamp = await certificateStamp(this.#files)
    const stoodStill = stamp === this.#seenStamp
    this.#seenStamp = stamp
    if (stoodStill && stamp !== this.#triedStamp) {
      this.#triedStamp = stamp
      await this.#load()
    }
    if (this.#isStopped) return
    this.#sayValidity()
    this.#lookLater()
  }

  async #load(): Promise<void> {
    try {
      const certificate = await loadCertificate(this.#files)
      if (this.#isStopped) return
      this.#listener.renewed(certificate)
      this.#inUse = certificate
      this.#reminder = new ValidityReminder()
    } catch (error) {
      // Whatever it was: a certificate that cannot be renewed must not end a server that serves.
      this.#listener.warn(`${sentenceOf(error)} The certificate from before stays in use.`)
    }
  }

  #sayValidity(): void {
    const sentence = this.#reminder.due(this.#inUse, Date.now())
    if (sentence !== undefined) this.#listener.warn(sentence)
  }
}

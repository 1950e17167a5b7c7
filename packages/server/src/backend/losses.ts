import type { GapReason } from '@tidings/protocol'

export type LossReason = Extract<GapReason, 'trimmed' | 'expired' | 'purged'>

/**
 * Up to which offset a log lost publications, for each reason. A log only loses its oldest, so the reason for one
 * publication is the one whose bound passed it by least; that can name a later reason than the true one, never none.
 */
export class Losses {
  trimmed = 0
  expired = 0
  purged = 0

  record(reason: LossReason, through: number): void {
    this[reason] = through
  }

  /** Why the publication with this offset is gone. */
  reasonFor(offset: number): LossReason {
    let reason: LossReason = 'trimmed'
    let bound = Infinity
    for (const candidate of ['trimmed', 'expired', 'purged'] as const) {
      const through = this[candidate]
      if (through >= offset && through <= bound) {
        reason = candidate
        bound = through
      }
    }
    return reason
  }
}

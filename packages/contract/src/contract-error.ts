export type ContractErrorCode = 'bad-pattern' | 'bad-params' | 'bad-rules'

/** A mistake in a contract or in the use of one: thrown where it is made. */
export class ContractError extends Error {
  override readonly name = 'ContractError'
  readonly code: ContractErrorCode

  constructor(code: ContractErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

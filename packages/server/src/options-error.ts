/** A wrong option of `createTidings`: one sentence with the path of the key. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError'
  readonly code = 'bad-options'
}

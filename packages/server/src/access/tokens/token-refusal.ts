/** Why tokens are refused, by name: for logs, tools and tests. Clients are told `unauthorized` and the sentence. */
export const TOKEN_REFUSALS = {
  'token-missing': 'a token is needed',
  'token-malformed': 'the token is no signed JWT',
  'token-algorithm': 'the token’s algorithm is not one of the keys here',
  'token-unknown-key': 'the token’s key is not known here',
  'token-signature': 'the token’s signature does not hold',
  'token-expired': 'the token has expired',
  'token-not-yet-valid': 'the token is not valid yet',
  'token-lifetime': 'the token has no end, or one that is too far away',
  'token-audience': 'the token is for another audience',
  'token-issuer': 'the token is of another issuer',
  'token-subject': 'the token’s sub is no user id: a text of 1 to 128 characters',
  'token-permissions': 'the token’s claim tidings cannot be read',
  'token-operator': 'the token is an operator’s, which lets nobody connect',
  'token-revoked': 'the token was revoked',
} as const

export type TokenRefusalCode = keyof typeof TOKEN_REFUSALS

/** What a look at a token gave. `undecided`: its key could not be looked up, and the same token may hold later. */
export type TokenCheck<Token> =
  | { readonly kind: 'verified'; readonly token: Token }
  | TokenRefusal
  | { readonly kind: 'undecided'; readonly message: string }

export interface TokenRefusal {
  readonly kind: 'refused'
  readonly code: TokenRefusalCode
  readonly message: string
}

/** `detail` must not hold what the token says: it goes to clients and logs. */
export const refuse = (code: TokenRefusalCode, detail?: string): TokenRefusal => ({
  kind: 'refused',
  code,
  message: detail === undefined ? TOKEN_REFUSALS[code] : `${TOKEN_REFUSALS[code]}: ${detail}`,
})

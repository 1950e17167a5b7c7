/** 96 random bits. `crypto.randomUUID` is missing on pages that are not served over TLS. */
export const randomId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')

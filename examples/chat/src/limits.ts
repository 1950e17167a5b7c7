/** Lengths in UTF-16 units, as JavaScript counts. */
export const MAX_TEXT_LENGTH = 2000
/** The development profile takes user names up to this. */
export const MAX_NAME_LENGTH = 64

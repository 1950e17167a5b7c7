const MAX_LENGTH = 128

/** 1 to 128 characters of well-formed Unicode. */
export const isUserId = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= MAX_LENGTH && value.isWellFormed()

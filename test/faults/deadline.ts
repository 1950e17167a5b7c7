/** In which everybody must be there again: far beyond what it takes on a machine that is busy with other tests. */
export const DEADLINE_MS = 30_000

import { resolve } from 'node:path'

/** The folder `bench/`. */
export const BENCH = resolve(import.meta.dirname, '../..')
/** What is built or fetched for the bench; may be removed. */
export const CACHE = resolve(BENCH, '.cache')
export const REPOSITORY = resolve(BENCH, '..')
/** Programs that the bench starts as servers. */
export const SERVERS = resolve(BENCH, 'src/servers')
export const TIDINGS = resolve(REPOSITORY, 'packages/cli/bin/tidings.js')

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Store, StoreError } from '@tidings/server/disk'

/** In place of the server's own module of this shape, which the address of this one names. */
interface StoreModule {
  readonly DATA_FILE: string
  readonly openLmdbStore: (dir: string, mapBytes: number) => Promise<Store>
}

const POLL_MS = 5

const { searchParams } = new URL(import.meta.url)
const real = (await import(searchParams.get('store') ?? '')) as StoreModule

/** A SyncFault, or nothing. */
const control = (): string => {
  try {
    return readFileSync(searchParams.get('control') ?? '', 'utf8')
  } catch {
    return ''
  }
}

/** What was committed is synced, but the server is told so only when the control file has nothing against it. */
const told = async (flushed: Promise<void>): Promise<void> => {
  await flushed
  while (control() === 'hold') await sleep(POLL_MS)
  if (control() === 'fail') throw new StoreError('failed', 'the sync failed (a fault of a test)')
}

export const { DATA_FILE } = real

export const openLmdbStore = async (dir: string, mapBytes: number): Promise<Store> => {
  const store = await real.openLmdbStore(dir, mapBytes)
  return {
    get: (table, key) => store.get(table, key),
    lend: (table, key) => store.lend(table, key),
    scan: (table, range) => store.scan(table, range),
    commit: (fill) => store.commit(fill),
    flushed: () => told(store.flushed()),
    room: () => store.room(),
    close: () => store.close(),
  }
}

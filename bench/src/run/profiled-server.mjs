/**
 * Loaded into a server of Node before anything else: profiles its processor time until SIGUSR2 ends it, and then says where it went,
 * as JSON, in the file that `BENCH_PROFILE` names.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'

const file = process.env.BENCH_PROFILE ?? ''
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.start')

process.once('SIGUSR2', () => {
  void session.post('Profiler.stop').then(({ profile }) => {
    writeFileSync(file, JSON.stringify(profile))
    process.exit()
  })
})

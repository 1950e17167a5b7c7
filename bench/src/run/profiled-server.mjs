/**
 * Loaded into a server of Node before anything else: profiles its processor time, and says where it went, as JSON, in the file that
 * `BENCH_PROFILE` names when SIGUSR2 ends it. The load generator sends SIGWINCH where a measurement begins and where it ends (to
 * everybody: who does not listen ignores it); the last one's profile is told then, and otherwise that of the whole life.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'

const file = process.env.BENCH_PROFILE ?? ''
const session = new Session()
session.connect()
await session.post('Profiler.enable')
await session.post('Profiler.start')
let isMeasuring = false
/** @type {import('node:inspector').Profiler.Profile | undefined} of the last measurement */
let measured

process.on('SIGWINCH', () => {
  isMeasuring = !isMeasuring
  void session.post('Profiler.stop').then(({ profile }) => {
    if (!isMeasuring) measured = profile
    return session.post('Profiler.start')
  })
})

process.once('SIGUSR2', () => {
  void session.post('Profiler.stop').then(({ profile }) => {
    writeFileSync(file, JSON.stringify(measured ?? profile))
    process.exit()
  })
})

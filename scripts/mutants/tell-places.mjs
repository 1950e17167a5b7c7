/** Set up before each test file: which places of the traced sources it ran. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'

/** @type {Set<string>} */
const places = new Set()
Object.assign(globalThis, { tellPlace: (/** @type {string} */ place) => places.add(place) })

afterAll(() => {
  const { testPath = '' } = expect.getState()
  const folder = process.env.TIDINGS_MUTANTS_HITS
  if (folder === undefined || places.size === 0) return
  const name = `${Buffer.from(testPath).toString('base64url').slice(-200)}.json`
  writeFileSync(join(folder, name), JSON.stringify({ test: testPath, places: [...places] }))
})

/**
 * What the command line asks of the benchmark.
 */
import { parseArgs } from 'node:util'

const DEFAULT_ROUNDS = 3

/** @param {Names} names */
const usage = ({ scenarios, peers }) => `npm run bench -- [options]

  --quick          few connections and moments: whether everything works, and no figures
  --only NAME      this scenario; more than once: these
  --peers A,B      Tidings and these peers; none: Tidings alone
  --rounds N       rounds of each scenario (${DEFAULT_ROUNDS}; quick: 1)
  --add            medians over the stored samples too
  --profile        says where the time of servers of Node went, and stores no figures
  --referee FILE   compares with another load generator, a C program, and runs nothing else
  --help           this

scenarios: ${scenarios.join(', ')}
peers: ${peers.join(', ')}`

/** What there is to ask for. @typedef {{ readonly scenarios: readonly string[], readonly peers: readonly string[] }} Names */

/** Arguments that ask for what there is not; the message is for whoever typed them. */
class ArgumentError extends Error {}

const parse = () => {
  try {
    return parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true },
        peers: { type: 'string' },
        rounds: { type: 'string' },
        add: { type: 'boolean', default: false },
        profile: { type: 'boolean', default: false },
        referee: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new ArgumentError(error instanceof Error ? error.message : String(error))
  }
}

/** @param {string} option @param {readonly string[]} asked @param {readonly string[]} known */
const check = (option, asked, known) => {
  const unknown = asked.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new ArgumentError(`${option} does not know ${unknown.join(', ')}`)
}

/** Throws ArgumentError. @param {Names} names */
const read = ({ scenarios, peers: known }) => {
  const { only = scenarios, peers: peerText, rounds: roundText, ...rest } = parse()
  check('--only', only, scenarios)
  const peers = peerText === undefined ? known : peerText === 'none' ? [] : peerText.split(',')
  check('--peers', peers, known)
  const rounds = Number(roundText ?? (rest.quick ? 1 : DEFAULT_ROUNDS))
  if (!(Number.isInteger(rounds) && rounds > 0)) throw new ArgumentError('--rounds must be a whole number from 1')
  return { ...rest, only, peers, rounds }
}

/** Ends the process when nothing is to be run: help was asked for, or what there is not. @param {Names} names */
export const readArguments = (names) => {
  try {
    const asked = read(names)
    if (!asked.help) return asked
    console.log(usage(names))
    process.exit(0)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    console.error(`${error.message}\n\n${usage(names)}`)
    process.exit(2)
  }
}

import type { RawClient } from '../raw-client.js'
import type { Attack } from './attack.js'
import { answerOf, type Attacker } from './attacker.js'

const OPEN = 'open'
const SECRET = 'secret'
const ACTIONS = ['subscribe', 'publish', 'history', 'presence'] as const

/** Everything that a user can ask of a channel. */
const commandOf = (action: (typeof ACTIONS)[number], channel: string) =>
  action === 'publish'
    ? ({ type: 'publish', channel, data: 'from the attacker' } as const)
    : action === 'presence'
      ? ({ type: 'presence', channel, action: 'enter', data: null } as const)
      : ({ type: action, channel } as const)

/** Only a key makes a token that is allowed one room and no other. */
const needsKey = ({ facts, target }: Attacker): string | undefined => {
  if (facts.isDev) return 'under the dev profile everybody may use every channel'
  return target.options.signing === undefined ? 'no signing key is known to make a narrow token with' : undefined
}

/** Whether the node's own rules keep a narrow token out of other rooms at all. */
const guarded = async (attacker: Attacker): Promise<string | undefined> => {
  const missing = needsKey(attacker)
  if (missing !== undefined) return missing
  const client = await narrow(attacker)
  const reply = await client.request({ type: 'subscribe', channel: attacker.target.channel(SECRET) })
  return reply.type === 'subscribed' ? 'the node’s rules let every user into every room' : undefined
}

/** A session that may use one room. */
const narrow = (attacker: Attacker): Promise<RawClient> =>
  attacker.session('eve', { allow: { [attacker.target.channel(OPEN)]: ACTIONS } })

const tryNames = async (attacker: Attacker, client: RawClient, names: readonly string[]): Promise<void> => {
  for (const name of names) {
    for (const action of ACTIONS) {
      const answer = client.request(commandOf(action, name)).then(answerOf)
      attacker.saw(`${action} ${JSON.stringify(name)}`, await attacker.inTime(answer))
    }
  }
}

/** One attack whose attempts are names of channels, by a session that may use one room only. */
const nameAttack = (
  name: string,
  threat: string,
  refusals: readonly string[],
  names: (open: string, secret: string) => readonly string[],
): Attack => ({
  name,
  threat,
  refusals,
  obstacle: guarded,
  run: async (attacker) => {
    const { target } = attacker
    await tryNames(attacker, await narrow(attacker), names(target.channel(OPEN), target.channel(SECRET)))
  },
})

const BAD = ['bad-channel']
/** Valid names of other channels: there is no such channel, or the token does not allow it. */
const OTHER = ['forbidden', 'unknown-channel']

const segments: Attack = {
  name: 'more-segments',
  threat: 'a pattern for one segment, chat:{room}, also takes chat:a:b',
  refusals: OTHER,
  obstacle: needsKey,
  run: async (attacker) => {
    const room = attacker.target.channel('a')
    const [first = ''] = room.split(':')
    const client = await attacker.session('eve')
    await tryNames(attacker, client, [`${room}:b`, `${room}:b:c`, `${room}:${room}`, first, `${first}s:a`, `x:${room}`])
  },
}

const dots = nameAttack(
  'dots-and-slashes',
  'a name leads elsewhere as a path does, or another separator is taken for a colon',
  OTHER,
  (open, secret) => [
    `${open}/../${SECRET}`,
    `${open}/../../${secret}`,
    secret.replaceAll(':', '.'),
    secret.replaceAll(':', '/'),
    `${secret}.`,
    `./${secret}`,
    `${secret}/`,
    secret.toUpperCase(),
    secret.replace(SECRET, 'Secret'),
  ],
)

const empty = nameAttack(
  'empty-segments',
  'empty segments are left out by one part of the node and counted by another',
  BAD,
  (open, secret) => [secret.replaceAll(':', '::'), `:${secret}`, `${secret}:`, `${open}::${SECRET}`, ':'],
)

const normal = nameAttack(
  'unicode-forms',
  'two spellings of one name are two names for one part of the node and one for another',
  BAD,
  (open) => [`${open}e\u0301`, `${open}\u212b`, `${open}q\u0307\u0323`, `${open}\u1112\u1161\u11ab`],
)

const alike = nameAttack(
  'look-alikes',
  'a letter that is compatible or looks alike is folded into another one',
  OTHER,
  (_open, secret) => [
    secret.replace(SECRET, '\uff53ecret'),
    secret.replace(SECRET, 's\u0435cret'),
    secret.replace(SECRET, '\u017fecret'),
    secret.replace(':', '\uff1a'),
    secret.replace(':', '\ua789'),
  ],
)

const invisible = nameAttack(
  'invisible-characters',
  'what nobody sees makes another name of it, or ends it early',
  BAD,
  (open, secret) => [
    `${secret}\u0000`,
    `${secret}\u200b`,
    `${secret}\u00ad`,
    `${secret}\u200d`,
    `${secret}\ufe0f`,
    `${secret}\u3164`,
    `${secret}\u2800`,
    `\ufeff${secret}`,
    `${secret} `,
    `${secret}\n`,
    `${secret}\r\n${open}`,
    `${secret}\u202e`,
    `${secret}\u2028`,
  ],
)

const percent = nameAttack('percent-escapes', 'a name is decoded after it was checked', OTHER, (open, secret) => [
  secret.replace(SECRET, '%73ecret'),
  secret.replace(':', '%3A'),
  `${open}%2F..%2F${SECRET}`,
  `${secret}%00`,
  secret.replace(SECRET, '%2573ecret'),
  secret.replace(SECRET, '\\u0073ecret'),
  secret.replace(SECRET, '&#115;ecret'),
  secret.replace(SECRET, '+secret'),
])

const wildcards = nameAttack('wildcards', 'a name is taken for a pattern', BAD, (open, secret) => [
  secret.replace(SECRET, '*'),
  secret.replace(SECRET, '>'),
  secret.replace(SECRET, '{room}'),
  secret.replace(SECRET, '{room...}'),
  `${open}*`,
  '*',
])

/** Where may one go: names of channels. */
export const NAME_ATTACKS: readonly Attack[] = [segments, dots, empty, normal, alike, invisible, percent, wildcards]

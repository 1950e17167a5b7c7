import type { Client, TidingsError } from '@tidings/client'
import type { Command } from 'commander'
import {
  addClientOptions,
  checkChannel,
  type ClientFlags,
  connectClient,
  failureError,
  tellState,
  withDeadline,
  untilRevoked,
} from '../client-options.js'
import { CommandError, type ExitCode } from '../exit.js'
import { clientHelp } from '../help.js'
import { onInterrupt } from '../interrupt.js'
import { endWithReader, notice, writeLine } from '../output.js'
import { printPresence, tellRefusals } from './subscribe.js'

interface PresenceFlags extends ClientFlags {
  readonly watch?: true
}

export const addPresence = (program: Command): void => {
  const command = program
    .command('presence')
    .summary('print who is in a channel')
    .description('Prints each member of a channel as one line of JSON on standard output.')
    .argument('<channel>', 'such as chat:lobby')
    .option('--watch', 'go on: print everyone, then each change, until interrupted')
  addClientOptions(command)
    .addHelpText('after', clientHelp('tidings presence chat:lobby', 'tidings presence chat:lobby --watch'))
    .action(presence)
}

const presence = async (channel: string, flags: PresenceFlags): Promise<void> => {
  checkChannel(channel)
  endWithReader()
  const abort = new AbortController()
  let interrupted: ExitCode | undefined
  onInterrupt((exitCode) => {
    interrupted = exitCode
    abort.abort()
    if (flags.watch !== true) process.exit(exitCode)
  })
  const client = await connectClient(flags)
  try {
    if (flags.watch === true) await watch(client, channel, abort.signal)
    else await print(client, channel, flags.timeout)
  } finally {
    client.close()
  }
  if (interrupted !== undefined) throw new CommandError(interrupted)
}

const print = async (client: Client, channel: string, timeoutSeconds: number): Promise<void> => {
  const result = await withDeadline(timeoutSeconds, client.channel(channel).presence.get())
  if (!result.ok) throw failureError(result.error)
  for (const member of result.members) await writeLine(member)
  if (result.members.length === 0) notice(`Nobody is in ${channel}.`)
}

const watch = async (client: Client, channel: string, signal: AbortSignal): Promise<void> => {
  tellState(client, notice)
  const subscription = client.channel(channel).subscribe({ presence: true, signal })
  tellRefusals(subscription)
  printPresence(subscription)
  // Its publications are not asked for.
  subscription.on('item', () => undefined)
  if (signal.aborted) return
  const ended = new Promise<TidingsError | undefined>((resolve) => {
    subscription.on('state', (change) => {
      if (change.state === 'ended') resolve(change.error)
    })
  })
  const error = await Promise.race([ended, untilRevoked(client)])
  if (error !== undefined) throw failureError(error)
}

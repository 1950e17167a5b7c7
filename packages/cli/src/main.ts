import { Command, CommanderError } from 'commander'
import { addHistory } from './commands/history.js'
import { addPresence } from './commands/presence.js'
import { addPublish } from './commands/publish.js'
import { addRevoke } from './commands/revoke.js'
import { addServe } from './commands/serve.js'
import { addSubscribe } from './commands/subscribe.js'
import { addToken } from './commands/token.js'
import { CommandError, EXIT } from './exit.js'
import { programHelp } from './help.js'
import { flushed, oneLine } from './output.js'
import { packageVersion } from './version.js'

const createProgram = (): Command => {
  const program = new Command('tidings')
    .description('Channels with a durable log over WebSocket.')
    .version(packageVersion(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`${oneLine(text.replace(/^error: /, 'tidings: ').trim())}\n`),
    })
    .addHelpText('after', programHelp('tidings serve --dev', `tidings publish chat:lobby '{"text":"hi"}'`))
  addServe(program)
  addPublish(program)
  addSubscribe(program)
  addHistory(program)
  addPresence(program)
  addToken(program)
  addRevoke(program)
  return program
}

/** Runs one command line and ends the process with its exit code. */
export const main = async (argv: readonly string[]): Promise<void> => {
  const exitCode = await run(argv)
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  process.exit(exitCode)
}

const run = async (argv: readonly string[]): Promise<number> => {
  try {
    await createProgram().parseAsync(argv)
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommandError) {
      if (error.message !== '') process.stderr.write(`tidings: ${oneLine(error.message)}\n`)
      return error.exitCode
    }
    // commander printed its sentence, the help or the version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    throw error
  }
}

import cluster from 'node:cluster'
import { type Command, Option } from 'commander'
import { CommandError, EXIT } from '../exit.js'
import { serveHelp } from '../help.js'
import { notice } from '../output.js'
import { loadConfig } from '../serve/config-file.js'
import { greeting } from '../serve/greeting.js'
import { makeBackend } from '../serve/open-backend.js'
import { parseEnvironment, parseFlags, type SettingFlags } from '../serve/setting-values.js'
import { resolveSettings, type Settings } from '../serve/settings.js'
import { serveLogger } from '../serve/serve-logger.js'
import { startNode } from '../serve/start-node.js'
import { startWarnings } from '../serve/start-warnings.js'
import { DRAIN_MS, untilEnd } from '../serve/until-end.js'
import { ownLog } from '../serve/workers/own-log.js'
import { work } from '../serve/workers/work.js'
import { loadTokens } from '../tokens/token-settings.js'
import { packageVersion } from '../version.js'

export const addServe = (program: Command): void => {
  program
    .command('serve')
    .summary('run a server')
    .description(
      'Runs a server until it is interrupted. Each setting is taken from its flag, else from its variable (TIDINGS_HOST, ' +
        'TIDINGS_PORT, TIDINGS_DATA, TIDINGS_MEMORY, TIDINGS_CONFIG, TIDINGS_DEV, TIDINGS_ECHO, TIDINGS_LIMITS, TIDINGS_MAX_FRAME_BYTES, ' +
        'TIDINGS_MAX_FRAGMENTS, TIDINGS_WORKERS, TIDINGS_TOKEN_KEY, TIDINGS_TOKEN_SECRET, TIDINGS_TLS_CERT, ' +
        'TIDINGS_TLS_KEY, TIDINGS_REDIRECT_FROM, TIDINGS_REDIRECT_TO, TIDINGS_TRUSTED_PROXIES, TIDINGS_PROXY_HEADER, TIDINGS_LOG_LEVEL, TIDINGS_HSTS), else from the configuration file, else the default.',
    )
    .option('--host <address>', 'where to listen (default: 127.0.0.1)')
    .option('--port <number>', 'the port; 0 takes a free one (default: 8080)')
    .option('--data <folder>', 'keep publications in this folder (default: ./tidings-data)')
    .addOption(new Option('--memory', 'keep publications in memory only').conflicts('data'))
    .option('--config <file>', 'the configuration (default: tidings.config.ts, .js, .mjs or .json, if it is here)')
    .option('--dev', 'for trying out: everybody on this machine may do everything')
    .option('--echo <path>', 'serve WebSockets on this path that get every frame back')
    .option('--limits <profile>', 'the limits that the file does not set: default or load-test (default: default)')
    .option('--max-frame-bytes <n>', 'the largest frame a client may send (default: 131072)')
    .option('--max-fragments <n>', 'the most fragments a frame may come in (default: 1024)')
    .option(
      '--workers <n>',
      'serve clients from n processes beside the one that keeps the log (default: 0, one for all)',
    )
    .option('--token-key <file>', 'the key of tokens: PEM, a JSON Web Key or a secret; in place of those of the file')
    .option('--tls-cert <file>', 'serve https and wss with this certificate and its chain (PEM)')
    .option('--tls-key <file>', 'its private key (PEM); both are loaded again when they change')
    .option('--redirect-from <port>', 'redirect everything that comes to this port, such as 80, to https')
    .option(
      '--redirect-to <port>',
      'where to: a port, such as the 443 mapped to this server, or https://… (default: --port)',
    )
    .option('--hsts', 'tell browsers to use TLS only for this name from now on (never for localhost or addresses)')
    .option('--trusted-proxies <list>', 'believe these, such as 10.0.0.0/8,::1, about where clients come from')
    .option('--proxy-header <name>', 'the one header in which those are believed (default: x-forwarded-for)')
    .option(
      '--log-level <level>',
      'what the log tells: silent, error, warn, info or debug (default: info, refused clients too; debug: each session)',
    )
    .addHelpText('after', serveHelp('tidings serve --dev', 'tidings serve --host 0.0.0.0 --config tidings.config.ts'))
    .action(serve)
}

/** Ends by throwing: a server ends for a reason. */
const serve = async (flags: SettingFlags): Promise<void> => {
  // Whoever read the greeting may go; the server stays.
  process.stdout.on('error', () => undefined)
  process.stderr.on('error', () => undefined)
  const settings = await loadSettings(flags)
  if (cluster.isWorker) await work(settings)
  else if (settings.workers > 0) await ownLog(settings)
  else await serveAlone(settings)
}

const serveAlone = async (settings: Settings): Promise<void> => {
  const { tidings, server } = await startNode(settings, () => makeBackend(settings.store))
  const logger = serveLogger(settings.logLevel)
  const end = untilEnd(tidings.failed)
  try {
    const ports = await server.listen(settings.host, settings.port)
    process.stdout.write(greeting(settings, ports, packageVersion()))
    for (const sentence of startWarnings(settings)) logger.warn(sentence)
  } catch (error) {
    await tidings.close()
    throw error
  }
  const failure = await end
  if (failure !== undefined) throw new CommandError(EXIT.backendFailed, failure.message)
  notice('Saying goodbye to the clients.')
  server.close()
  await tidings.close({ drainMs: DRAIN_MS })
}

const loadSettings = async (flags: SettingFlags): Promise<Settings> => {
  const fromFlags = parseFlags(flags)
  const fromEnvironment = parseEnvironment(process.env)
  const workingDir = process.cwd()
  const file = await loadConfig(fromFlags.config ?? fromEnvironment.config, workingDir)
  const tokens = loadTokens({
    values: [fromFlags, fromEnvironment],
    config: file?.config.tokens,
    configName: file?.name,
    environment: process.env,
    workingDir,
  })
  return resolveSettings(fromFlags, fromEnvironment, file, workingDir, tokens?.options)
}

const CLIENT_EXIT_CODES = `
Exit codes:
  0    done
  1    it failed, or the outcome is not known
  2    wrong use: an option or an argument
  3    the server cannot be reached
  4    the server refused; its code is in the sentence
  130  interrupted (143: terminated)
`

const SERVE_EXIT_CODES = `
Exit codes:
  0    stopped by Ctrl-C or SIGTERM, after saying goodbye to the clients
  1    it cannot start: a port, a page, the certificate, the data directory or the configuration file
  2    wrong use: an option, an environment variable or a key of the configuration
  70   the backend failed: what was acknowledged is kept, the server must be started again
  130  a second Ctrl-C cut the goodbye short (143: a second SIGTERM)
`

const TOKEN_EXIT_CODES = `
Exit codes:
  0    the token was made, or would be taken
  1    a file cannot be read
  2    wrong use: an option, a key, or a token that would be refused
  3    the keys at tokens.jwks cannot be fetched
  4    the token would be refused; why is in the sentence
`

const ALL_EXIT_CODES = `
Exit codes:
  0    done
  1    it failed, or the outcome is not known
  2    wrong use or configuration
  3    the server cannot be reached
  4    the server refused
  70   a server's backend failed
  130  interrupted (143: terminated)
`

const examplesText = (examples: readonly string[]): string =>
  `\nExamples:\n${examples.map((example) => `  $ ${example}\n`).join('')}`

/** What stands below the options in a command's help. */
export const clientHelp = (...examples: readonly string[]): string => examplesText(examples) + CLIENT_EXIT_CODES

export const tokenHelp = (...examples: readonly string[]): string => examplesText(examples) + TOKEN_EXIT_CODES

export const serveHelp = (...examples: readonly string[]): string => examplesText(examples) + SERVE_EXIT_CODES

export const programHelp = (...examples: readonly string[]): string => examplesText(examples) + ALL_EXIT_CODES

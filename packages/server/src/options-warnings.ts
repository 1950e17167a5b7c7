import type { TidingsOptions } from './options.js'

/** What an operator should know about options that are allowed and probably not meant: one sentence each. */
export const optionsWarnings = ({
  tokens,
  hosts,
  dev,
}: Pick<TidingsOptions, 'tokens' | 'hosts' | 'dev'>): readonly string[] => {
  if (tokens?.anonymous !== true || hosts !== undefined || dev === true) return []
  return [
    'tokens.anonymous lets clients in without a token and hosts is not set, so a page of any site whose name is pointed at this ' +
      'server (DNS rebinding) may connect: list the names of this server in hosts.',
  ]
}

/** The entries whose keys begin with a prefix, sorted by key as UTF-8 sorts. */
export const sortedEntries = (
  values: ReadonlyMap<string, Uint8Array>,
  prefix: string,
): readonly { readonly key: string; readonly value: Uint8Array }[] =>
  [...values]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, value]) => ({ key, value }))
    .sort((one, other) => Buffer.compare(Buffer.from(one.key), Buffer.from(other.key)))

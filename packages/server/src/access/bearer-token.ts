/** Of `Authorization: Bearer …` (RFC 6750, section 2.1); header names are lower case. */
export const bearerToken = ({
  authorization,
}: Readonly<Record<string, string | readonly string[] | undefined>>): string | undefined =>
  typeof authorization === 'string' ? /^bearer +([^ ]+) *$/i.exec(authorization)?.[1] : undefined

import type { Member } from '@tidings/client'

export interface Person {
  readonly name: string
  /** Tabs and devices. */
  readonly count: number
}

/** Who is in a room, from its presence entries. */
export class People {
  readonly #members = new Map<string, string>()

  replace(members: readonly Member[]): void {
    this.#members.clear()
    for (const { member, user } of members) this.#members.set(member, user ?? 'somebody')
  }

  change(change: 'entered' | 'updated' | 'left', { member, user }: Member): void {
    if (change === 'left') this.#members.delete(member)
    else this.#members.set(member, user ?? 'somebody')
  }

  /** Each person once, oneself first, the others by name. */
  list(me: string): readonly Person[] {
    const counts = new Map<string, number>()
    for (const name of this.#members.values()) counts.set(name, (counts.get(name) ?? 0) + 1)
    return [...counts]
      .map(([name, count]) => ({ name, count }))
      .sort((a, b) => Number(b.name === me) - Number(a.name === me) || a.name.localeCompare(b.name))
  }
}

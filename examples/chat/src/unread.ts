/** Lines by others that came while nobody looked: the page hidden, or scrolled away from the end. */
export class Unread {
  #count = 0
  #isVisible = true
  #isAtEnd = true

  get count(): number {
    return this.#count
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd
  }

  /** Whether the reader sees new lines as they come. */
  get isFollowed(): boolean {
    return this.#isVisible && this.#isAtEnd
  }

  arrived(): void {
    if (!this.isFollowed) this.#count++
  }

  /** Where the reader is; whatever is not given stays as it was. True when the count changed. */
  look({ isVisible = this.#isVisible, isAtEnd = this.#isAtEnd }: { isVisible?: boolean; isAtEnd?: boolean }): boolean {
    this.#isVisible = isVisible
    this.#isAtEnd = isAtEnd
    const before = this.#count
    if (this.isFollowed) this.#count = 0
    return this.#count !== before
  }
}

/** The title of the page. */
export const titleWords = (room: string, unread: number): string =>
  unread === 0 ? `#${room} · Tidings chat` : `(${unread > 999 ? '999+' : unread}) #${room} · Tidings chat`

export const newLinesWords = (count: number): string => (count === 1 ? '1 new line' : `${count} new lines`)

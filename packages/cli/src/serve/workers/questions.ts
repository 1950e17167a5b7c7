/** Questions to another process and their answers, by number. */
export class Questions<Answer> {
  readonly #open = new Map<number, (answer: Answer | undefined) => void>()
  readonly #deadlineMs: number
  #last = 0

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs
  }

  /** Resolves with undefined when no answer comes in time. */
  ask(send: (question: number) => void): Promise<Answer | undefined> {
    this.#last += 1
    const question = this.#last
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answered(question, undefined), this.#deadlineMs)
      this.#open.set(question, (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      send(question)
    })
  }

  /** Nothing happens for a question that is over. */
  answered(question: number, answer: Answer | undefined): void {
    const tell = this.#open.get(question)
    this.#open.delete(question)
    tell?.(answer)
  }
}

/** The part of cli-progress that is used; the package has no types of its own. */
declare module 'cli-progress' {
  interface BarOptions {
    readonly stream: NodeJS.WritableStream
    readonly format: string
    readonly hideCursor?: boolean
    readonly clearOnComplete?: boolean
    readonly etaBuffer?: number
  }
  interface Bar {
    start(total: number, value: number, payload: Readonly<Record<string, unknown>>): void
    update(value: number, payload: Readonly<Record<string, unknown>>): void
    stop(): void
  }
  const cliProgress: { readonly SingleBar: new (options: BarOptions) => Bar }
  export default cliProgress
}

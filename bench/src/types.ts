/** What a publication carries, as templates of the load generator: `%m` is the marker and its filler. */
export interface Payload {
  /** For relays that take any text. */
  readonly raw: string
  /** For servers with an envelope: a JSON value. */
  readonly json: string
}

/** How clients of a peer talk. Frames are templates: `%d` is the connection's number, `%s` the publication's sequence. */
export interface Wire {
  readonly path: string
  readonly subprotocol?: string
  /** What a connection sends once it is open, to be subscribed to these channels; `present`: and to be seen there. */
  readonly hello: (channels: readonly string[], how?: { readonly present: boolean }) => readonly string[]
  /** The text that says that it is subscribed, once for each channel or once in all; undefined: at once. */
  readonly ready: { readonly text: string; readonly each: boolean } | undefined
  readonly publish: (channel: string, payload: Payload) => string
  /** Coming back: what to keep of the first reply, and what a connection sends to get what it missed. */
  readonly recovery?: {
    readonly positionOf: (reply: string) => string | undefined
    readonly resume: (channel: string, position: string) => readonly string[]
  }
  /** A ping of the peer's own protocol, and its answer. */
  readonly ping?: { readonly text: string; readonly answer: string }
}

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

export interface StartOptions {
  /** Served over TLS. */
  readonly tls?: Certificate
  /** permessage-deflate for clients that ask for it. */
  readonly deflate?: boolean
  /** Publications go back to their publisher alone. */
  readonly echo?: boolean
  /** A relay that breaks a promise now and then, to show that the load generator finds out. */
  readonly fault?: 'lose' | 'repeat' | 'swap'
  /** Where Tidings keeps publications. Default memory. */
  readonly store?: 'memory' | 'disk'
  /** A folder for its files that outlives it. Default one of its own, removed when it stops. */
  readonly dir?: string
  /** Default any that is free. */
  readonly port?: number
  /** Processes that serve Tidings' clients, 0: one process for all. Then nothing is pinned, neither server nor load. */
  readonly workers?: number
}

/** A running server. */
export interface Served {
  /** Whether it has a core to itself, so that the load gets another. */
  readonly isPinned: boolean
  readonly pid: number
  readonly port: number
  /** Where it keeps its files, if it has any. */
  readonly dir: string | undefined
  /** Ends it as an operator would, with a goodbye to its clients. Resolves once it is gone. */
  quit(): Promise<void>
  /** Ends it at once and removes its files. Resolves once it is gone. */
  stop(): Promise<void>
}

export interface Peer {
  readonly name: string
  readonly title: string
  readonly wire: Wire
  /** Why it cannot take part here, or undefined if it can. `quick`: nothing that takes minutes is built for it. */
  absence(size: Size): Promise<string | undefined>
  /** Rejects when it does not listen in time or ends at once. */
  start(options: StartOptions): Promise<Served>
}

/** What one run gave: figures, or why there are none. */
export type Sample =
  | { readonly ok: true; readonly figures: Readonly<Record<string, number>> }
  | { readonly ok: false; readonly reason: string }

/** One who takes part in a scenario. */
export interface Entrant {
  readonly name: string
  readonly title: string
  readonly peer: Peer
  readonly run: (peer: Peer) => Promise<Sample>
  /** Where it stands on a curve's axis. */
  readonly at?: number
  /** Left out of `--quick`: the same parts are run elsewhere. */
  readonly slow?: boolean
}

export interface Column {
  readonly figure: string
  readonly title: string
  /** Digits after the point. */
  readonly digits: number
}

/** `of` compared with `factor * against + plus`. */
export interface Mark {
  readonly text: string
  readonly of: readonly [entrant: string, figure: string]
  /** undefined: compared with `plus` alone. */
  readonly against?: readonly [entrant: string, figure: string]
  readonly factor?: number
  readonly plus?: number
  /** `beside`: nothing is asked for, the ratio is shown. */
  readonly is: 'at least' | 'at most' | 'beside'
}

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly entrants: readonly Entrant[]
  /** The first is the one that the others are compared by. */
  readonly columns: readonly Column[]
  readonly marks: readonly Mark[]
  /** Why it cannot be run here at all, or undefined if it can. */
  readonly absence?: () => string | undefined
  /** Drawn as a curve over the entrants rather than as bars. */
  readonly curve?: boolean
}

/** How large a scenario is made. */
export interface Size {
  /** Few and short: for correctness only. */
  readonly quick: boolean
}

/** A table's row: medians over the rounds, or why there are none. */
export interface Row {
  readonly entrant: Entrant
  readonly medians: Readonly<Record<string, number>> | undefined
  readonly samples: readonly Sample[]
  /** Why it did not take part. */
  readonly absence: string | undefined
}

export interface Result {
  readonly scenario: Scenario
  readonly rows: readonly Row[]
}

/** What the load generator prints; see `load/main.c`. */
export interface Connects {
  readonly connections: number
  readonly connectSeconds: number
  readonly connectP50Us: number
  readonly connectP99Us: number
}

export interface Window {
  readonly seconds: number
  readonly published: number
  readonly deliveries: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly serverCpuSeconds: number
  readonly loadCpuSeconds: number
  /** How far the generator fell behind its own schedule at most. */
  readonly lateMs: number
  readonly p50Us: number
  readonly p90Us: number
  readonly p99Us: number
  readonly maxUs: number
}

export interface Verdict {
  readonly delivered: number
  readonly expected: number
  readonly lost: number
  readonly extra: number
  /** Connections that got as many as they should, but other ones. */
  readonly mismatched: number
  readonly outOfOrder: number
  readonly closed: number
}

export type Measured = Connects & Verdict & Window
export type Stepped = Connects & Verdict & { readonly steps: readonly (Window & { rate: number; drained: boolean })[] }
export type Held = Connects & { readonly closed: number; readonly readyMatches: number }

import type { Durability, GapReason, Position } from '@tidings/protocol'

/** What the checker must know of a channel. Offsets are taken to be contiguous, as those of the memory and disk backends are. */
export interface ChannelFacts {
  readonly name: string
  readonly durability: Durability
  /** Its rules keep everything that a history holds: a gap `trimmed` or `expired` is needless. */
  readonly keepsAll: boolean
  readonly dedupeWindowMs: number
  /** Its durability differs between runs: that of a run is in `NodeStarted.changedTo`, if it is not the one above. */
  readonly hasChangingRules?: boolean
}

/** What became of a node's store between the run before and this one. */
export type StoreFate =
  /** Nothing: what was on the disk still is. `of`: it is the one of this run; default: of the one before. */
  | { readonly store: 'kept'; readonly of?: number }
  | { readonly store: 'wiped' }
  /** It is the one that was copied then. */
  | { readonly store: 'restored'; readonly copy: string }

/** A node's process began; runs are numbered from 1, and more than one may be under way, each with its own store. */
export type NodeStarted = {
  readonly kind: 'node-started'
  readonly run: number
  /** The durability that channels with changing rules have in this run; absent: the one that `ChannelFacts` names. */
  readonly changedTo?: Durability
} & StoreFate

export interface NodeEnded {
  readonly kind: 'node-ended'
  readonly run: number
  readonly how: string
}

/** The disk of the nodes has no room from here on: they refuse publishes, which clients then try again. */
export interface DiskFull {
  readonly kind: 'disk-full'
}

/** It has room again. */
export interface DiskFree {
  readonly kind: 'disk-free'
}

/** A process of the nodes stands still from here on. What waited in it for too long it refuses, and clients try again. */
export interface ProcessStopped {
  readonly kind: 'process-stopped'
}

export interface ProcessContinued {
  readonly kind: 'process-continued'
}

/** While no node runs. */
export interface StoreCopied {
  readonly kind: 'store-copied'
  readonly copy: string
}

/** One publish as an application asked for it; what a client sends again by itself belongs to it. */
export interface PublishEvent {
  readonly kind: 'publish'
  /** Numbers publishes. */
  readonly attempt: number
  readonly channel: string
  /** The user; ids of one user are one space. */
  readonly publisher: string
  readonly id: string
  /** Of the data; equal data has an equal hash. */
  readonly hash: string
  /** Which connection of which client it was handed to; absent: none was open, or it is not known. */
  readonly connection?: string
  /** The client, if it asked not to hear the publication. */
  readonly client?: string
  /**
   * Whose own subscriptions get a mark in its place: those of the session that it was handed to; or are never handed it:
   * those of the client. Absent: everybody gets it.
   */
  readonly unheard?: 'session' | 'client'
}

export interface AcknowledgedEvent {
  readonly kind: 'acknowledged'
  readonly attempt: number
  readonly offset: number
  readonly position: Position
  readonly durability: Durability
  readonly duplicate: boolean
  /** Which run of the node answered; absent: not known. */
  readonly run?: number
  readonly connection?: string
}

/** An error that proves that the attempt stored nothing. */
export interface RejectedEvent {
  readonly kind: 'rejected'
  readonly attempt: number
  readonly code: string
}

/** Nobody can know whether it was stored. */
export interface UnknownEvent {
  readonly kind: 'unknown'
  readonly attempt: number
  readonly code: string
}

/** A subscription object of an application; it may join many sessions. */
export interface SubscribeEvent {
  readonly kind: 'subscribe'
  /** Numbers subscriptions. */
  readonly subscription: number
  readonly channel: string
  readonly client: string
  /** For people who read excerpts. */
  readonly how: string
  /** It asked for everything that is kept. */
  readonly wholeLog?: boolean
}

/**
 * A server took the subscription: now it is connected. Recorded only where it comes in its place between the items:
 * not for an application that takes items from a buffer.
 */
export interface JoinedEvent {
  readonly kind: 'joined'
  readonly subscription: number
  /** A time at which the server was not asked yet: what was acknowledged before it is not after where this begins. */
  readonly askedMs: number
  readonly run?: number
  readonly connection?: string
  readonly position?: Position
}

export interface LostEvent {
  readonly kind: 'lost'
  readonly subscription: number
}

export interface ItemEvent {
  readonly kind: 'item'
  readonly subscription: number
  readonly offset: number
  readonly position: Position
  readonly id: string
  /** An echo mark has none of the rest. */
  readonly publisher?: string
  readonly hash?: string
  readonly time?: number
  /** Which run of the node delivered it; absent: not known. */
  readonly run?: number
}

export interface GapEvent {
  readonly kind: 'gap'
  readonly subscription: number
  readonly from: Position
  readonly to: Position
  readonly reason: GapReason
  readonly missed: number | null
}

export interface CaughtUpEvent {
  readonly kind: 'caught-up'
  readonly subscription: number
  readonly position: Position
}

/** The application ended it. */
export interface LeftEvent {
  readonly kind: 'left'
  readonly subscription: number
}

/** From here to the next `storm` every connection and every node is left alone: the deadline counts. */
export interface CalmEvent {
  readonly kind: 'calm'
}

/** Things are broken on purpose from here on. A history begins with a storm. */
export interface StormEvent {
  readonly kind: 'storm'
}

/** How much memory a node's process takes. */
export interface MemoryEvent {
  readonly kind: 'memory'
  readonly run: number
  readonly rssBytes: number
}

type Happened =
  | NodeStarted
  | NodeEnded
  | StoreCopied
  | DiskFull
  | DiskFree
  | ProcessStopped
  | ProcessContinued
  | PublishEvent
  | AcknowledgedEvent
  | RejectedEvent
  | UnknownEvent
  | SubscribeEvent
  | JoinedEvent
  | LostEvent
  | ItemEvent
  | GapEvent
  | CaughtUpEvent
  | LeftEvent
  | CalmEvent
  | StormEvent
  | MemoryEvent

/** `atMs`: milliseconds of one monotonic clock. */
export type HistoryEvent = Happened & { readonly atMs: number }

export type NewEvent = Happened

export type EventOf<Kind extends HistoryEvent['kind']> = Extract<HistoryEvent, { readonly kind: Kind }>

/** What happened, in the order in which one process saw it. */
export interface History {
  readonly channels: readonly ChannelFacts[]
  readonly events: readonly HistoryEvent[]
  /** A node whose process takes more breaks C6. Default: not checked. */
  readonly maxRssBytes?: number
}

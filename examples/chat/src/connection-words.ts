import type { ClientStateChange } from '@tidings/client'

export type Connection =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected' }
  /** `retryAtMs` is of the page's own clock. */
  | { readonly kind: 'waiting'; readonly retryAtMs: number }
  | { readonly kind: 'offline' }
  | { readonly kind: 'closed'; readonly why: string; readonly isNameRefused: boolean }

/** What a state of the SDK means for the one who looks at the page. */
export const connectionOf = ({ state, retryInMs = 0, reason }: ClientStateChange, nowMs: number): Connection => {
  switch (state) {
    case 'connected':
      return { kind: 'connected' }
    case 'waiting':
      return reason?.code === 'offline' ? { kind: 'offline' } : { kind: 'waiting', retryAtMs: nowMs + retryInMs }
    case 'closed':
      return closedFor(reason?.code ?? 'closed', reason?.message ?? 'the connection was closed')
    case 'idle':
    case 'connecting':
      return { kind: 'connecting' }
  }
}

const closedFor = (code: string, message: string): Connection =>
  code === 'unauthorized'
    ? { kind: 'closed', why: `the server did not accept this name (${message})`, isNameRefused: true }
    : { kind: 'closed', why: message, isNameRefused: false }

/** For the eyes: counts down. */
export const connectionWords = (connection: Connection, nowMs: number): string => {
  switch (connection.kind) {
    case 'connected':
      return 'Connected'
    case 'connecting':
      return 'Connecting…'
    case 'offline':
      return 'You are offline'
    case 'closed':
      return 'Disconnected'
    case 'waiting': {
      const seconds = Math.ceil((connection.retryAtMs - nowMs) / 1000)
      return seconds >= 1 ? `Reconnecting in ${seconds} s` : 'Reconnecting…'
    }
  }
}

/** For screen readers: changes only when something happened. */
export const connectionAnnouncement = (connection: Connection, wasConnected: boolean): string => {
  switch (connection.kind) {
    case 'connected':
      return 'Connected'
    case 'closed':
      return `Disconnected: ${connection.why}`
    case 'offline':
      return 'You are offline. What you send is kept until you are back.'
    case 'connecting':
    case 'waiting':
      return wasConnected ? 'Connection lost. Reconnecting.' : 'Connecting'
  }
}

import type { Attack } from './attack.js'
import type { Attacker } from './attacker.js'

const FOREIGN = 'https://evil.example'
const onlyDev = ({ facts }: Attacker): string | undefined =>
  facts.isDev ? undefined : 'only the dev profile trusts whoever reaches it'

const crossSite: Attack = {
  name: 'cross-site-hijack',
  threat: 'a page of another site opens a WebSocket with the cookies of its visitor',
  refusals: ['403 foreign-origin'],
  run: async (attacker) => {
    const { host, hostname } = attacker.target.url
    const origins: readonly (string | readonly string[])[] = [
      FOREIGN,
      'null',
      '',
      'file://',
      `http://${host}.evil.example`,
      `http://evil.example/${host}`,
      `http://evil.example#${host}`,
      `http://${host}@evil.example`,
      // The dev profile takes pages of its machine from any port.
      ...(attacker.facts.isDev ? [] : [`http://${hostname}:1`]),
      'http://localhost.evil.example',
      'http://127.0.0.1.evil.example',
      'http://192.0.2.1:5173',
      [FOREIGN, `http://${host}`],
      [`http://${host}`, FOREIGN],
    ]
    for (const origin of origins) {
      const answer = await attacker.answerToRequest(attacker.handshake({ Origin: origin }))
      attacker.saw(`Origin: ${[origin].flat().join(' and ')}`, answer)
    }
  },
}

/** Nodes that `startAttackedNode` starts list an app of this scheme: its origin must not stand for every page without one. */
const opaqueOrigins: Attack = {
  name: 'opaque-origins',
  threat:
    'a page without an origin, or of an app’s own scheme, is taken for one that is listed or for one of the node’s host',
  refusals: ['403 foreign-origin'],
  run: async (attacker) => {
    const { host } = attacker.target.url
    const origins = [
      ...['null', 'Null', 'null, null', 'undefined', 'file://', 'data:', 'about:blank', 'capacitor://'],
      ...['app', 'capacitor', 'ionic', 'tauri', 'chrome-extension', 'ws', 'wss', 'ftp'].map(
        (scheme) => `${scheme}://${host}`,
      ),
      ...[`blob:http://${host}`, `http://null@${host}`, `http:/${host}`, `http:\\\\${host}`, `http://${host}/null`],
    ]
    for (const origin of origins) {
      attacker.saw(`Origin: ${origin}`, await attacker.answerToRequest(attacker.handshake({ Origin: origin })))
    }
  },
}

const oldVersions: Attack = {
  name: 'old-versions',
  threat: 'a handshake of an earlier version has its Origin in another header, which nobody looks at',
  refusals: ['426 upgrade-required'],
  run: async (attacker) => {
    for (const version of ['8', '7', '13, 8']) {
      const headers = { 'Sec-WebSocket-Version': version, 'Sec-WebSocket-Origin': FOREIGN }
      attacker.saw(`version ${version}`, await attacker.answerToRequest(attacker.handshake(headers)))
    }
  },
}

const HOSTS = ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example', '192.0.2.1', 'evil.example:8080']

/**
 * A rebound page has the node's address under a name of its own, so its Origin is that of its Host. It has no cookies and no
 * tokens of the node's visitors: a node that asks for tokens is defended by them, any other must look at the name.
 */
const rebinding: Attack = {
  name: 'dns-rebinding',
  threat: 'a page whose own name was pointed at the node speaks to it as if it were the page’s own server',
  refusals: ['403 dev-foreign-host', '403 foreign-origin', 'unauthorized 4501'],
  run: async (attacker) => {
    for (const host of HOSTS) {
      const headers = { Host: host, Origin: `http://${host}` }
      const status = await attacker.answerToRequest(attacker.handshake(headers))
      attacker.saw(`Host: ${host}`, status === '101' ? await attacker.answerToToken(undefined, { headers }) : status)
    }
  },
}

const devPages: Attack = {
  name: 'dns-rebinding-of-health',
  threat: 'a rebound page reads what a developer’s node says over HTTP',
  refusals: ['403 dev-foreign-host'],
  obstacle: onlyDev,
  run: async (attacker) => {
    for (const host of HOSTS) {
      const { pathname } = attacker.target.healthUrl
      const request = `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`
      attacker.saw(`Host: ${host}`, await attacker.answerToRequest(request))
    }
  },
}

const forwarded: Attack = {
  name: 'forwarded-to-dev',
  threat: 'a tunnel or a proxy brings the world to a node that trusts its own machine',
  refusals: ['403 dev-forwarded'],
  obstacle: onlyDev,
  run: async (attacker) => {
    for (const name of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'Via', 'X-Forwarded-Host', 'X-Forwarded-Proto']) {
      attacker.saw(name, await attacker.answerToRequest(attacker.handshake({ [name]: '192.0.2.1' })))
    }
  },
}

const paths: Attack = {
  name: 'path-tricks',
  threat: 'another spelling of the path gets past what guards the right one',
  refusals: ['404 not-found'],
  run: async (attacker) => {
    const { pathname, host } = attacker.target.url
    const tricks = [
      `/x/..${pathname}`,
      `/${pathname}`,
      `${pathname}/`,
      `${pathname}%00`,
      pathname.toUpperCase() === pathname ? `${pathname}x` : pathname.toUpperCase(),
      `http://${host}/x${pathname}`,
      `${pathname};x`,
    ]
    for (const path of tricks) attacker.saw(path, await attacker.answerToRequest(attacker.handshake({}, path)))
  },
}

/** Pages, names and paths: what is refused before a connection is one. */
export const ORIGIN_ATTACKS: readonly Attack[] = [
  crossSite,
  opaqueOrigins,
  oldVersions,
  rebinding,
  devPages,
  forwarded,
  paths,
]

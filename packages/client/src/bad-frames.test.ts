import { expect, test } from 'vitest'
import { type Peer, ScriptedServer } from '../test/scripted-server.js'
import { testClient } from '../test/test-client.js'

const BAD_FRAME = 4500

const nextPeer = async (server: ScriptedServer): Promise<Peer> => {
  const peer = await server.peer()
  await peer.welcome()
  return peer
}

test('rejects a publish after whose sending two sessions in a row ended as unreadable, and goes on', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const poison = client.channel('a').publish('poison')
  for (let session = 0; session < 2; session++) {
    const peer = await nextPeer(server)
    expect(await peer.next('publish')).toMatchObject({ data: 'poison' })
    peer.socket.close(BAD_FRAME, 'bad-frame')
  }
  // The server may have stored it and failed at a later frame.
  expect(await poison).toMatchObject({ ok: false, error: { code: 'outcome-unknown', retryable: false } })
  const last = await nextPeer(server)
  const next = client.channel('a').publish('next')
  expect(await last.published()).toMatchObject({ data: 'next' })
  expect(await next).toMatchObject({ ok: true })
})

test('rejects only the command that cannot be read, whatever else was in its frames', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const a = client.channel('a')
  const results = Promise.all([a.publish(1), a.publish('poison'), a.publish(2), a.history(), a.publish(3)])
  const subscription = client.channel('b').subscribe()
  const live = new Promise<void>((resolve) => void subscription.on('caught-up', () => resolve()))
  let sessions = 0
  const serve = async (): Promise<void> => {
    for (;;) {
      const peer = await nextPeer(server)
      sessions++
      // Like a server that decodes a frame as a whole: nothing of a frame with the poison is carried out.
      peer.socket.on('message', (frame: Buffer) => {
        if (frame.includes('poison')) peer.socket.close(BAD_FRAME, 'bad-frame')
        else peer.answerAll()
      })
    }
  }
  void serve()
  expect((await results).map(({ ok }) => ok)).toEqual([true, false, true, true, true])
  await live
  expect(sessions).toBe(3)
})

test('never counts connections that were lost', async () => {
  const server = await ScriptedServer.start()
  const client = testClient({ url: server.url })
  const sent = client.channel('a').publish(1)
  const page = client.channel('a').history()
  const first = await nextPeer(server)
  await first.next('history')
  await first.next('publish')
  first.socket.close(BAD_FRAME, 'bad-frame')
  for (let session = 0; session < 4; session++) {
    const peer = await nextPeer(server)
    await peer.next('history')
    if (session % 2 === 0) peer.socket.terminate()
    else peer.socket.close(1011)
  }
  const last = await nextPeer(server)
  last.socket.on('message', () => last.answerAll())
  last.answerAll()
  expect(await sent).toMatchObject({ ok: true })
  expect(await page).toMatchObject({ ok: true })
})

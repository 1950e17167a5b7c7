import type { RefObject } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { resettleChunks } from './chunk-heights.js'
import type { RoomSession } from './room-session.js'

/** So close to the end counts as at the end. */
const END_PX = 32
/** Heights are measured anew once the width stands still for this long. */
const RESIZE_MS = 150

interface Scroll {
  readonly scroller: RefObject<HTMLElement>
  readonly isAtEnd: boolean
  readonly toEnd: () => void
}

interface Anchor {
  readonly element: Element
  readonly topPx: number
}

/** The first row in view, whatever is drawn above it. */
const anchorIn = (scroller: Element): Anchor | undefined => {
  const { top, bottom } = scroller.getBoundingClientRect()
  const isBelowTop = (element: Element): boolean => element.getBoundingClientRect().bottom > top
  for (const chunk of scroller.querySelectorAll('.chunk, .locals')) {
    if (!isBelowTop(chunk)) continue
    const element = [...chunk.children].find(isBelowTop)
    if (element === undefined) continue
    const { top: topPx } = element.getBoundingClientRect()
    return topPx > bottom ? undefined : { element, topPx }
  }
  return undefined
}

/** What must not move; undefined: nothing is in view. */
type View = Anchor | 'end' | undefined

/** Pixels below the view. */
const restPx = (scroller: Element): number => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight

const keepView = (scroller: Element, view: View): void => {
  if (view === 'end') {
    scroller.scrollTop = scroller.scrollHeight
  } else if (view?.element.isConnected === true) {
    const movedPx = view.element.getBoundingClientRect().top - view.topPx
    if (Math.abs(movedPx) >= 0.5) scroller.scrollTop += movedPx
  }
}

/**
 * Keeps the view where the reader left it: at the end while they are there, and otherwise on the same line, whatever is
 * put above or taken away. Browsers do it in part, and not all of them; theirs is switched off in the style sheet.
 */
export const useScroll = (session: RoomSession): Scroll => {
  const scroller = useRef<HTMLElement>(null)
  const atEnd = useRef(true)
  const [isAtEnd, setIsAtEnd] = useState(true)
  const keptTopPx = useRef(0)
  const sentCount = useRef(session.sentCount)

  const viewIn = (element: Element): View => {
    // Somebody scrolled up, and the event that says so is still to come.
    if (element.scrollTop < keptTopPx.current - 1 && restPx(element) > END_PX) atEnd.current = false
    return atEnd.current ? 'end' : anchorIn(element)
  }
  const keep = (element: Element, view: View): void => {
    keepView(element, view)
    keptTopPx.current = element.scrollTop
  }
  const isSent = session.sentCount !== sentCount.current
  sentCount.current = session.sentCount
  // One's own new line is always shown.
  if (isSent) atEnd.current = true
  const view = isSent || scroller.current === null ? 'end' : viewIn(scroller.current)

  useLayoutEffect(() => {
    if (scroller.current !== null) keep(scroller.current, view)
  })

  useEffect(() => {
    const element = scroller.current
    if (element === null) return undefined
    const scrolled = (): void => {
      atEnd.current = restPx(element) <= END_PX
      keptTopPx.current = element.scrollTop
      setIsAtEnd(atEnd.current)
      session.look({ isAtEnd: atEnd.current })
    }
    let widthPx = element.clientWidth
    let timer: ReturnType<typeof setTimeout>
    const remeasure = (): void => {
      const viewBefore = viewIn(element)
      resettleChunks(element)
      keep(element, viewBefore)
    }
    const resized = new ResizeObserver(() => {
      if (viewIn(element) === 'end') keep(element, 'end')
      if (element.clientWidth === widthPx) return
      widthPx = element.clientWidth
      clearTimeout(timer)
      timer = setTimeout(remeasure, RESIZE_MS)
    })
    element.addEventListener('scroll', scrolled, { passive: true })
    resized.observe(element)
    scrolled()
    return () => {
      element.removeEventListener('scroll', scrolled)
      resized.disconnect()
      clearTimeout(timer)
    }
  }, [session])

  return {
    scroller,
    isAtEnd,
    toEnd: () => {
      atEnd.current = true
      if (scroller.current !== null) keep(scroller.current, 'end')
    },
  }
}

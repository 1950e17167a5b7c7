import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/** Opens a dialog over everything else as long as it is drawn; the browser keeps the focus inside and gives it back. */
export const useModal = (dialog: RefObject<HTMLDialogElement>): void => {
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [dialog])
}

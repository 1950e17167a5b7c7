import { hueOf, initialOf } from './identity.js'

/** A person's sign: an initial on their colour. For the eyes only; the name stands beside it. */
export const Picture = ({ name }: { readonly name: string }) => (
  <span class={`picture hue-${hueOf(name)}`} aria-hidden="true">
    {initialOf(name)}
  </span>
)

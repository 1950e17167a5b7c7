import type { ComponentChildren } from 'preact'

const Icon = ({ children }: { readonly children: ComponentChildren }) => (
  <svg
    class="icon"
    viewBox="0 0 20 20"
    width="20"
    height="20"
    fill="none"
    stroke="currentColor"
    stroke-width="1.6"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
)

export const SendIcon = () => (
  <Icon>
    <path d="M4 10h11M10.5 5l5 5-5 5" />
  </Icon>
)

export const DownIcon = () => (
  <Icon>
    <path d="M10 4v11M5 10.5l5 5 5-5" />
  </Icon>
)

export const ClockIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="7" />
    <path d="M10 6v4.300l2.600 1.700" />
  </Icon>
)

export const CheckIcon = () => (
  <Icon>
    <path d="M4.5 10.5l3.700 3.700 7.300-8" />
  </Icon>
)

export const AlertIcon = () => (
  <Icon>
    <circle cx="10" cy="10" r="7" />
    <path d="M10 6.300v4.400M10 13.5v.1" />
  </Icon>
)

export const PeopleIcon = () => (
  <Icon>
    <circle cx="7.5" cy="7" r="2.800" />
    <path d="M2.5 16c.3-3 2.200-4.700 5-4.700s4.700 1.700 5 4.700M12.800 4.5a2.600 2.600 0 0 1 0 5M14.5 11.700c1.800.5 2.800 2 3 4.300" />
  </Icon>
)

export const CloseIcon = () => (
  <Icon>
    <path d="M5 5l10 10M15 5L5 15" />
  </Icon>
)

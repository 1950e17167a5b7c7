import { describe, expect, it } from 'vitest'
import { People } from './people.js'

describe('people', () => {
  const member = (id: string, user: string | null) => ({ member: id, user, data: null, enteredAt: 0 })

  it('are counted once, oneself first', () => {
    const people = new People()
    people.replace([member('1', 'bob'), member('2', 'me'), member('3', 'bob'), member('4', 'ann')])
    expect(people.list('me')).toEqual([
      { name: 'me', count: 1 },
      { name: 'ann', count: 1 },
      { name: 'bob', count: 2 },
    ])
    people.change('left', member('3', 'bob'))
    people.change('entered', member('5', null))
    people.change('updated', member('4', 'ann'))
    expect(people.list('me').map(({ name, count }) => `${name} ${count}`)).toEqual([
      'me 1',
      'ann 1',
      'bob 1',
      'somebody 1',
    ])
  })
})

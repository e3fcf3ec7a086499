import { it } from 'vitest'
import { holds } from './testing-networks'

it('leaves the outputs of a thousand networks as they are when what is cut does nothing', () => holds(1000))

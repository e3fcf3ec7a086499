import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { theme } from './theme'

const tokens = readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'tokens.css'), 'utf8')

/** WCAG 2.2, level AA, for text of ordinary size. */
const AA = 4.5

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map(i => {
    const part = Number.parseInt(hex.slice(i, i + 2), 16) / 255
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y)
  return (high + 0.05) / (low + 0.05)
}

function colorsOf(scheme: string): Map<string, string> {
  const block = tokens.split(`="${scheme}"]`)[1]?.split('}')[0] ?? ''
  return new Map([...block.matchAll(/--bt-([\w-]+): (#[0-9a-f]{6})/g)].map(m => [m[1] ?? '', m[2] ?? '']))
}

describe.each(['dark', 'light'])('the %s theme', scheme => {
  const colors = colorsOf(scheme)
  const color = (name: string) => colors.get(name) ?? ''

  it.each(['text', 'dim', 'faint', 'accent', 'teacher', 'better', 'worse', 'uncertain'])(
    'can be read in the colour %s on every ground',
    name => {
      for (const ground of ['bg', 'panel', 'raised', 'hover'])
        expect(contrast(color(name), color(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(AA)
    },
  )

  it('can be read on filled buttons', () => {
    const shade = theme.primaryShade
    const index = typeof shade === 'object' ? shade[scheme === 'dark' ? 'dark' : 'light'] : shade
    const fill = theme.colors?.iris?.[index ?? 6] ?? ''
    expect(contrast('#ffffff', fill)).toBeGreaterThanOrEqual(AA)
  })
})

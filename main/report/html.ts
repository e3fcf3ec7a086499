/** HTML and SVG as tagged templates: everything put into one is escaped, unless it is itself a fragment. */
import { escapeText } from '../../shared/escape'

/** A piece of finished markup. Only `html` makes them. */
export class Fragment {
  constructor(readonly markup: string) {}
  toString(): string {
    return this.markup
  }
}

export type Content = Fragment | string | number | null | undefined | false | readonly Content[]

/** Tagged template for HTML and SVG. Values are escaped; fragments and lists of them are inserted as they are. */
export function html(parts: TemplateStringsArray, ...values: Content[]): Fragment {
  return new Fragment(parts.reduce((text, part, i) => text + render(values[i - 1]) + part))
}

/** Markup made elsewhere in the code (style sheets). Never for anything a file or a person provided. */
export function trusted(markup: string): Fragment {
  return new Fragment(markup)
}

function render(value: Content): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Fragment) return value.markup
  if (Array.isArray(value)) return value.map(render).join('')
  return escapeText(String(value))
}

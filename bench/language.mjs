// Language models: perplexity against Python's on the same windows, and what quantization does to perplexity, tokens per
// second and memory, with a cache and without.
//
//   python3 bench/language-model.py FOLDER …
//   node bench/language.mjs FOLDER [--python python3] [--runs 10] [--threads 1] [--texts 400] [--skip-speed]
//
// Uses the built command (`npm run build` first, or --cli FILE). Ends with 1 when a perplexity differs from Python's by
// more than a ten-thousandth.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    cli: { type: 'string', default: join(import.meta.dirname, '../out/main/cli.js') },
    runs: { type: 'string', default: '10' },
    threads: { type: 'string', default: '1' },
    texts: { type: 'string', default: '400' },
    'skip-speed': { type: 'boolean', default: false },
  },
})
const [folder] = positionals
if (!folder) throw new Error('Give the folder that bench/language-model.py wrote')

const LIMIT = 1e-4
const made = mkdtempSync(join(tmpdir(), 'bantam-language-'))
const texts = join(folder, 'valid.jsonl')
const data = `${texts}#0:${flags.texts}`
const run = (...args) =>
  JSON.parse(
    execFileSync(process.execPath, [flags.cli, ...args, '--json'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 28,
    }),
  )
const METHODS = [
  ['int4, nearest', ['--method', 'weight-int4']],
  ['int4, hqq', ['--method', 'weight-int4', '--rounding', 'hqq']],
  [
    'int4, gptq',
    ['--method', 'weight-int4', '--rounding', 'gptq', '--data', `${join(folder, 'train.jsonl')}#0:128`],
  ],
  ['int8 weights', ['--method', 'weight-int8']],
  ['int8, dynamic', ['--method', 'dynamic-int8']],
]
const fixed = (value, digits = 2) => value.toFixed(digits)
const between = (m, digits = 2) =>
  `${fixed(m.value, digits)} (${fixed(m.low, digits)} to ${fixed(m.high, digits)})`

let failed = 0
try {
  for (const name of ['gpt', 'gpt-cache']) {
    const float = join(folder, `${name}.onnx`)
    const models = [['float32', float]]
    for (const [what, args] of METHODS) {
      const out = join(made, `${name}-${models.length}.onnx`)
      run('quantize', float, ...args, '--out', out)
      models.push([what, out])
    }
    const speed = flags['skip-speed']
      ? null
      : run('benchmark', ...models.map(m => m[1]), '--threads', flags.threads, '--runs', flags.runs)
    console.log(`\n${name}: ${execLine(speed)}\n`)
    console.log(
      '| model | size | perplexity | against float | next token right | same next token | tokens/s | prompt tokens/s | time per token / float | peak memory |',
    )
    console.log(`|${' --- |'.repeat(10)}`)
    for (const [what, file] of models) {
      const { metrics, difference, agreement } = run('evaluate', file, '--data', data, '--reference', float)
      const row = speed?.generation.rows.find(r => r.model === file)
      const ratio = speed?.generation.ratios.find(r => r.b === file && r.phase === 'token')
      const cells = [
        what,
        `${fixed(statSync(file).size / 1e6)} MB`,
        between(metrics.perplexity),
        file === float ? '' : between(difference),
        `${fixed(100 * metrics.nextToken.value)} %`,
        file === float ? '' : `${fixed(100 * agreement.top1)} %`,
        row ? between(row.tokensPerSecond, 0) : '',
        row ? fixed(row.promptTokensPerSecond.value, 0) : '',
        ratio ? `${fixed(ratio.ratio, 3)} (${fixed(ratio.low, 3)} to ${fixed(ratio.high, 3)})` : '',
        row?.peakMemoryBytes ? `${fixed(row.peakMemoryBytes / 1e6, 0)} MB` : '',
      ]
      console.log(`| ${cells.join(' | ')} |`)
      if (what === 'float32' || what === 'int4, nearest') compare(name, what, file)
    }
  }
} finally {
  rmSync(made, { recursive: true, force: true })
}
process.exitCode = failed > 0 ? 1 : 0

function execLine(speed) {
  const row = speed?.generation.rows[0]
  if (!row) return 'speed not measured'
  const { promptTokens, generatedTokens, threads, cache } = row
  return `prompt ${promptTokens} tokens, ${generatedTokens} made, ${threads} thread(s), cache ${cache ? 'handed on' : 'none'}`
}

/** Whole file, for Python reads it whole. */
function compare(name, what, file) {
  const ours = run('evaluate', file, '--data', texts).metrics
  const script = join(import.meta.dirname, 'language.py')
  const text = execFileSync(flags.python, [script, file, texts, join(folder, 'tokenizer.json')], {
    encoding: 'utf8',
  })
  const theirs = JSON.parse(text)
  const relative = Math.abs(ours.perplexity.value / theirs.perplexity - 1)
  const next = Math.abs(ours.nextToken.value - theirs.nextToken)
  console.error(
    `${name}, ${what}: perplexity ${ours.perplexity.value} here, ${theirs.perplexity} in Python (relative difference ${relative.toExponential(1)}); next token right ${next === 0 ? 'equal' : `differs by ${next}`}; ${theirs.tokens} tokens`,
  )
  if (!(relative <= LIMIT)) failed++
}

// `npm test`: installs what is missing, then every check and test. The last line is `N passed, N failed`.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildIfStale, findChromium, installPackages, root, run } from './setup.mjs'

const long = process.argv.includes('--long')
const cache = join(root, '.cache')
const totals = { passed: 0, failed: 0 }

installPackages()
mkdirSync(cache, { recursive: true })
step('build', () => buildIfStale())
if (!long) {
  step('lint', () => run(process.execPath, [join(root, 'scripts/lint.mjs')]))
  step('types', () =>
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json']),
  )
}
// Before the unit tests: Chromium carries the driver on which they try WebGPU.
const chromium = long ? undefined : findChromium()
vitest(long ? 'long tests' : 'unit tests', process.execPath, [])
if (!long) {
  const node24 = findNode24()
  // What meets the runtime: its SQLite, native packages, processes, WebAssembly. The rest is the same code.
  const folders = ['workspace', 'runtime', 'jobs', 'operations'].map(name => `main/${name}/`)
  const native = [...folders, 'main/training/step', 'main/training/checkpoint', 'main/training/optimizer/']
  if (node24)
    vitest('engine on Node 24', node24, ['--project', 'engine', '--project', 'processes', ...native])
  playwright()
}

console.log(`\n${totals.passed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed > 0 ? 1 : 0

/** A check counts as one test. */
function step(name, check) {
  const started = Date.now()
  const passed = check() !== false
  totals[passed ? 'passed' : 'failed']++
  console.log(
    `\n== ${name}: ${passed ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - started) / 1000)} s`,
  )
}

function vitest(name, node, args) {
  const report = join(cache, `vitest-${name.replaceAll(' ', '-')}.json`)
  rmSync(report, { force: true })
  const started = Date.now()
  const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${report}`]
  run(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...reporters, ...args], {
    env: { BANTAM_LONG: long ? '1' : '', NODE_ENV: 'test' },
  })
  count(name, started, report, json => ({
    passed: json.numPassedTests,
    // A file that cannot even be loaded has no failed test of its own.
    failed:
      json.numFailedTests +
      json.testResults.filter(f => f.status === 'failed' && f.assertionResults.length === 0).length,
  }))
}

function playwright() {
  if (!chromium) {
    totals.failed++
    console.log('\n== screen: FAILED, no Chromium found and none could be installed')
    return
  }
  const report = join(cache, 'playwright.json')
  rmSync(report, { force: true })
  const started = Date.now()
  run(
    process.execPath,
    [join(root, 'node_modules/@playwright/test/cli.js'), 'test', '--reporter=list,json'],
    {
      env: { CHROMIUM: chromium, PLAYWRIGHT_JSON_OUTPUT_NAME: report },
    },
  )
  count('screen', started, report, json => {
    // Passed at the second try, which only the machine of the checks allows: counted, and told.
    for (const title of json.suites.flatMap(flakyTests)) console.log(`\nflaky: ${title}`)
    return {
      passed: json.stats.expected + json.stats.flaky,
      failed: json.stats.unexpected + json.errors.length,
    }
  })
}

/** Titles of the tests of a suite that needed a second try. */
function flakyTests({ title, file, suites = [], specs = [] }) {
  const group = title === file ? file : `${file} › ${title}`
  const own = specs.filter(spec => spec.tests.some(test => test.status === 'flaky'))
  return [...own.map(spec => `${group} › ${spec.title}`), ...suites.flatMap(flakyTests)]
}

function count(name, started, report, read) {
  const seconds = Math.round((Date.now() - started) / 1000)
  const result = existsSync(report)
    ? read(JSON.parse(readFileSync(report, 'utf8')))
    : { passed: 0, failed: 1 }
  // A suite that ran nothing has not passed.
  if (result.passed + result.failed === 0) result.failed = 1
  totals.passed += result.passed
  totals.failed += result.failed
  console.log(`\n== ${name}: ${result.passed} passed, ${result.failed} failed in ${seconds} s`)
}

/** Node 24, the runtime inside Electron 45: from the npm package that carries the binary. */
function findNode24() {
  if (process.versions.node.startsWith('24.')) return undefined
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = `node-${platform}-${process.arch}`
  const folder = join(cache, 'node24')
  const binary = join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    run('npm', ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `${name}@24`])
  }
  if (existsSync(binary)) return binary
  totals.failed++
  console.log('\n== engine on Node 24: FAILED, the runtime could not be installed')
  return undefined
}

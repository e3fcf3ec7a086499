// `npm run lint`: Biome, then the one-way import rule, which must have looked at the modules it guards.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, run } from './setup.mjs'

const folders = ['shared', 'main', 'app', 'renderer/src']
const bin = name => join(root, 'node_modules/.bin', process.platform === 'win32' ? `${name}.cmd` : name)

// The imports are followed meanwhile, which takes as long and one core.
const followed = followImports()
const biome = run(bin('biome'), ['check', '--error-on-warnings', '.'])
const imports = checkImports(await followed)
process.exit(biome && imports ? 0 : 1)

function followImports() {
  const child = spawn(
    bin('depcruise'),
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...folders],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], shell: process.platform === 'win32' },
  )
  return child.stdout.setEncoding('utf8').toArray()
}

function checkImports(chunks) {
  let report
  try {
    report = JSON.parse(chunks.join(''))
  } catch {
    console.error('dependency-cruiser failed; see above.')
    return false
  }
  // Without a parser for TypeScript the tool sees no module and passes: an empty look is a failure.
  const seen = folders.map(folder => report.modules.filter(m => m.source.startsWith(`${folder}/`)).length)
  const violations = report.summary.violations.filter(v => v.rule.severity === 'error')
  for (const v of violations) console.error(`${v.rule.name}: ${v.from} → ${v.to}`)
  console.log(
    `Import rule: ${folders.map((f, i) => `${f} ${seen[i]}`).join(', ')} modules, ${violations.length} violations.`,
  )
  if (seen.some(count => count < 3)) {
    console.error('Import rule: a folder was not looked at.')
    return false
  }
  return violations.length === 0
}

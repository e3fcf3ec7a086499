// What of each network can be pruned: groups of channels found and declined, the share of parameters and
// multiply-accumulates that lies in those that may be reduced, and what is left with half of each. Proves on every file
// that any group alone and all together can be cut and run, and that cutting idle channels changes nothing.
//
//   node bench/prune-structures.mjs FOLDER_OR_FILE ... [--alone 1000] [--keep 0.5] [--verbose]
//
// bench/structure-models.py makes the networks. Ends with 1 when some cut fails.
import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { openEngine } from './engine.mjs'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // Groups cut alone, at most.
    alone: { type: 'string', default: '1000' },
    keep: { type: 'string', default: '0.5' },
    verbose: { type: 'boolean', default: false },
  },
})
const EXACT = 1e-5
const engine = await openEngine()
const { readModel } = await engine.load('main/onnx/read')
const { findStructure } = await engine.load('main/structure/groups')
const { sliceGroups } = await engine.load('main/structure/slice')
const { channelNorms, strongest } = await engine.load('main/structure/importance')
const { difference, idle, runModel } = await engine.load('main/structure/testing')
const { operatorRow } = await engine.load('main/operators/index')
const { leaves } = await engine.load('main/structure/dims')
const { StructureCost } = await engine.load('main/prune/cost')

const files = positionals.flatMap(path =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .filter(name => name.endsWith('.onnx'))
        .sort()
        .map(name => join(path, name))
    : [path],
)
let failed = 0
const rows = []
for (const file of files) {
  try {
    rows.push(await examine(file))
  } catch (error) {
    failed++
    console.error(`${basename(file)}: ${error.stack ?? error}`)
  }
}
print(rows)
await engine.close()
process.exitCode = failed > 0 ? 1 : 0

async function examine(file) {
  const started = performance.now()
  const structure = await findStructure(await readModel(file))
  const found = (performance.now() - started) / 1000
  const free = structure.groups.filter(group => group.declined.length === 0)
  const cost = await StructureCost.of(structure)
  const halves = new Map(free.map(group => [group.id, kept(structure, group)]))
  const sizes = new Map([...halves].map(([id, keep]) => [id, keep.length]))
  const half = cost.at(sizes)
  const row = {
    name: basename(file, '.onnx'),
    seconds: found,
    groups: structure.groups.length,
    free: free.length,
    counted: free.filter(group => group.counted.length > 0).length,
    ...shares(structure, free),
    left: [half.parameters / cost.whole.parameters, half.macs / cost.whole.macs],
    alone: 0,
    exact: 0,
    reasons: reasonsOf(structure.groups),
  }
  const runs = shapes =>
    runModel(structure.model, shapes).catch(error => {
      if (flags.verbose) console.log(error.message)
      return null
    })
  const before = await runs(structure.sized.inputs)
  if (!before) return { ...row, alone: 'does not run uncut' }
  row.others = (await runs(structure.sized.other)) !== null
  for (const [id, keep] of [...halves].slice(0, Number(flags.alone))) {
    const group = free.find(g => g.id === id)
    const only = new Map([[id, keep]])
    await cut(row, structure, only, before, group.counted.length === 0, id)
    row.alone++
  }
  await cut(row, structure, halves, before, false, 'all')
  const uncounted = free.filter(group => group.counted.length === 0).map(group => group.id)
  await cut(
    row,
    structure,
    new Map([...halves].filter(([id]) => uncounted.includes(id))),
    before,
    true,
    'all idle',
  )
  if (flags.verbose)
    for (const group of structure.groups)
      console.log(
        `  ${group.id} ×${group.size} ${group.declined.map(r => `${r.message} (${r.node ?? ''})`).join(' ')} ${group.counted.length > 0 ? 'counted' : ''} ${group.factors.length > 0 ? `factors ${group.factors}` : ''} in ${group.weights.length}`,
      )
  return row
}

/** Cuts and runs at both sizes; where `exact`, what is cut is made idle first and the outputs must stay. */
async function cut(row, structure, keep, before, exact, what) {
  const { inputs, other } = structure.sized
  try {
    const given = exact ? idle(structure, keep) : structure
    const small = sliceGroups(given, keep)
    const after = await runModel(small, inputs)
    const whole = exact ? await runModel(given.model, inputs) : before
    const change = difference(whole, after)
    if (exact) row.exact = Math.max(row.exact, change)
    if (exact ? !(change < EXACT) : change === Number.POSITIVE_INFINITY)
      throw new Error(
        exact ? `idle channels change the outputs by ${change}` : 'the outputs have other shapes',
      )
    // Exporters bake sizes in: where the whole network runs at one size only, no other is asked of what is cut.
    const outputs = row.others ? await runModel(small, other) : {}
    for (const [name, tensor] of Object.entries(outputs))
      if (other.has(name) && String(tensor.dims) !== String(other.get(name)))
        throw new Error(`at other sizes ${name} is [${tensor.dims}], not [${other.get(name)}]`)
  } catch (error) {
    failed++
    console.error(`${row.name}, ${what}: ${error.message}`)
  }
}

function kept(structure, group) {
  const count = Math.max(group.counted.length > 0 ? 2 : 1, Math.round(group.size * Number(flags.keep)))
  return strongest(channelNorms(structure, group), Math.min(group.size, count))
}

/** Of parameters and multiply-accumulates, the share in weights and products with an axis that may be reduced. */
function shares(structure, free) {
  const dims = new Set(free.map(group => structure.dims.get(group.id)))
  const touched = name =>
    (structure.flow.axes.get(name) ?? []).some(axis => [...leaves(axis)].some(d => dims.has(d)))
  let [parameters, all] = [0, 0]
  for (const tensor of structure.model.graph.initializers()) {
    if (tensor.dataType !== 1 && tensor.dataType !== 10) continue
    const size = tensor.dims.reduce((product, d) => product * Number(d), 1)
    all += size
    if (touched(tensor.name)) parameters += size
  }
  let [macs, total] = [0, 0]
  for (const [node, own] of products(structure)) {
    total += own
    if ([...node.input, ...node.output].some(touched)) macs += own
  }
  return { share: [parameters / all, total > 0 ? macs / total : 0] }
}

function products(structure) {
  const shapes = name => structure.sized.dims.get(name)
  return structure.model.graph.nodes.flatMap(node => {
    const cost = operatorRow(node.opType, node.domain)?.cost(node, shapes)
    return cost && 'macs' in cost && cost.macs > 0 ? [[node, cost.macs]] : []
  })
}

/** Why groups are declined, and how many: not what reaches inputs and outputs, which any network has. */
function reasonsOf(groups) {
  const counts = new Map()
  for (const { declined } of groups) {
    const reason = declined[0]
    if (!reason) continue
    const text =
      reason.message.replace(/put \S+\.$/, 'put.') + (reason.node ? ` (${reason.node.split(' ')[0]})` : '')
    counts.set(text, (counts.get(text) ?? 0) + 1)
  }
  return [...counts].map(([text, count]) => `${count} × ${text}`)
}

function print(all) {
  const percent = value => `${(100 * value).toFixed(0)} %`
  const line = cells => console.log(`| ${cells.join(' | ')} |`)
  line([
    'network',
    'groups',
    'reducible (counted)',
    'parameters / MACs in them',
    'left with half of all',
    'cut alone',
    'idle change',
    'declined',
    's',
  ])
  line(Array(9).fill('---'))
  for (const r of all)
    line([
      r.name,
      r.groups,
      `${r.free} (${r.counted})`,
      r.share.map(percent).join(' / '),
      r.left.map(percent).join(' / '),
      r.alone,
      r.exact.toExponential(1),
      r.reasons.join('; '),
      r.seconds.toFixed(2),
    ])
}

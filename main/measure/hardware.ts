/** What this machine is: shown with every measurement, and asked before a technique is advised. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, release, totalmem, type } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Hardware } from '../../shared/domain'

let known: Promise<Hardware> | undefined

/** The machine, asked once per process. Never fails: what cannot be told is empty. Does not load ONNX Runtime. */
export function hardware(): Promise<Hardware> {
  known ??= ask()
  return known
}

/** Threads to use when a person chose none: physical cores, but no more than this process may use. */
export async function defaultThreads(): Promise<number> {
  return Math.max(1, Math.min(await physicalCores(), availableParallelism()))
}

/** systeminformation is large, and commands that do not ask about the machine should not wait for it. */
async function information() {
  return (await import('systeminformation')).default
}

/** Physical cores: without asking anything else where that is possible. */
export async function physicalCores(): Promise<number> {
  if (known) return (await known).physicalCores
  return coresOfLinux() ?? (await hardware()).physicalCores
}

/** Distinct (package, core) pairs of /proc/cpuinfo; null where it does not list them. */
function coresOfLinux(): number | null {
  try {
    const blocks = readFileSync('/proc/cpuinfo', 'utf8').split('\n\n')
    const cores = blocks.flatMap(block => {
      const id = (name: string) => new RegExp(`^${name}\\s*: (\\d+)$`, 'm').exec(block)?.[1]
      const [chip, core] = [id('physical id'), id('core id')]
      return chip !== undefined && core !== undefined ? [`${chip}.${core}`] : []
    })
    return cores.length > 0 ? new Set(cores).size : null
  } catch {
    return null
  }
}

async function ask(): Promise<Hardware> {
  const si = await information()
  const [cpu, features, gpus, os] = await Promise.all([
    si.cpu().catch(() => undefined),
    cpuFeatures(),
    gpuNames(),
    si.osInfo().catch(() => undefined),
  ])
  const logical = cpus().length || availableParallelism()
  return {
    cpu:
      [cpu?.manufacturer, cpu?.brand].filter(Boolean).join(' ') ||
      cpus()[0]?.model.trim() ||
      'unknown processor',
    physicalCores: cpu?.physicalCores || logical,
    logicalCores: logical,
    features,
    memoryBytes: totalmem(),
    os: os?.distro ? `${os.distro} ${os.release}` : `${type()} ${release()}`,
    arch: process.arch,
    gpus,
    node: process.versions.node,
    onnxruntime: runtimeVersion(),
  }
}

async function gpuNames(): Promise<string[]> {
  try {
    const { controllers } = await (await information()).graphics()
    return controllers.map(c => [c.vendor, c.model].filter(Boolean).join(' ')).filter(name => name !== '')
  } catch {
    return []
  }
}

/** Instruction sets that decide how fast a quantized model runs, as Linux, macOS and x86 name them. */
const FEATURES: Record<string, RegExp> = {
  sse4_1: /^sse4_1$|^sse4\.1$/,
  avx: /^avx$|^avx1\.0$/,
  avx2: /^avx2$/,
  fma: /^fma$/,
  f16c: /^f16c$/,
  avx512f: /^avx512f$/,
  avx512bw: /^avx512bw$/,
  avx512_vnni: /^avx512_?vnni$/,
  avx_vnni: /^avx_?vnni$/,
  avx512_bf16: /^avx512_?bf16$/,
  avx512_fp16: /^avx512_?fp16$/,
  amx_int8: /^amx_?int8$/,
  amx_bf16: /^amx_?bf16$/,
  neon: /^neon$|^asimd$|advsimd$/,
  fp16: /^fphp$|^asimdhp$|feat_fp16$/,
  dotprod: /^asimddp$|feat_dotprod$/,
  i8mm: /^i8mm$|feat_i8mm$/,
  bf16: /^bf16$|feat_bf16$/,
  sve: /^sve$/,
}

async function cpuFeatures(): Promise<string[]> {
  const text = process.platform === 'darwin' ? await macFlags() : await linuxFlags()
  return parseFeatures(text)
}

async function linuxFlags(): Promise<string> {
  const si = await information()
  return si.cpuFlags().catch(() => '')
}

/** Picks the features that matter out of a list of flags separated by blanks; in the order of the table above. */
export function parseFeatures(flags: string): string[] {
  const words = flags.toLowerCase().split(/\s+/)
  return Object.entries(FEATURES)
    .filter(([, pattern]) => words.some(word => pattern.test(word)))
    .map(([name]) => name)
}

/** On Apple silicon each feature is a sysctl of its own: `hw.optional.arm.FEAT_I8MM: 1`. */
async function macFlags(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('sysctl', ['hw.optional', 'machdep.cpu'])
    const optional = [...stdout.matchAll(/^hw\.optional\.(\S+): 1$/gm)].map(m => m[1])
    const intel = [...stdout.matchAll(/^machdep\.cpu\.\w*features: (.*)$/gm)].map(m => m[1])
    return [...optional, ...intel].join(' ')
  } catch {
    return ''
  }
}

/** True when the processor multiplies 8-bit integers in one instruction; null when its features are unknown. */
export function hasInt8Instructions(machine: Pick<Hardware, 'features'>): boolean | null {
  if (machine.features.length === 0) return null
  return ['avx512_vnni', 'avx_vnni', 'amx_int8', 'dotprod', 'i8mm'].some(f => machine.features.includes(f))
}

/** Version of onnxruntime-node; `unknown` when its package cannot be found. */
export function runtimeVersion(): string {
  try {
    const main = createRequire(import.meta.url).resolve('onnxruntime-node')
    for (let folder = dirname(main); folder !== dirname(folder); folder = dirname(folder)) {
      const found = versionIn(join(folder, 'package.json'))
      if (found) return found
    }
  } catch {}
  return 'unknown'
}

function versionIn(path: string): string | undefined {
  try {
    const about = JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string }
    return about.name === 'onnxruntime-node' ? about.version : undefined
  } catch {
    return undefined
  }
}

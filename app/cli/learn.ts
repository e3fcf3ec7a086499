/** What `bantam train`, `bantam distill` and `bantam prune` share: options from flags and recipe, checkpoints, the result. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { parse } from 'yaml'
import type { TaskContext } from '../../main/jobs/context'
import { takeLock } from '../../main/workspace/lock'
import { Recipe, SplitName, type Step, type TechniqueInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { formatShare } from '../../shared/format'
import type { TrainingRecord } from '../../shared/training'
import { addGlobals, type Globals } from './command'
import { addDataOptions, type DataOptions } from './data-options'
import { addTechniqueFlags, techniqueOptions } from './flags'
import { inputFile, outputFile } from './paths'

const TRAINING = {
  what: 'trains for this result',
  action: 'Wait for it, stop it, or choose another --out.',
}

export interface LearnOptions extends Globals, DataOptions {
  out: string
  evalData?: string
  evalSplit: SplitName
  recipe?: string
  resume: boolean
  restart: boolean
  force: boolean
}

/** Options of both commands: globals, data, the technique's own flags. */
export function addLearnOptions(command: Command, technique: TechniqueInfo): Command {
  addDataOptions(addGlobals(command), true).requiredOption(
    '--out <file>',
    'where to write the result; its evidence goes beside it',
  )
  addTechniqueFlags(addRunOptions(command), technique)
  return command
}

/** Options of every command that can train: how to go on, what to compare with. */
export function addRunOptions(command: Command): Command {
  return command
    .option('--eval-data <data>', 'data to compare the result with the original on, none of it learnt from')
    .addOption(
      new Option('--eval-split <split>', 'which samples of --eval-data')
        .choices(SplitName.options)
        .default('all'),
    )
    .option('--recipe <file>', 'options from a recipe (YAML); flags go before it')
    .option('--resume', 'go on from the checkpoint of an interrupted run', false)
    .option('--restart', 'start anew, whatever checkpoint there is', false)
    .option('--force', 'keep a result whose answers are worthless', false)
}

/**
 * The step and seed that recipe and flags describe. Throws `bad-option` or `bad-file` for a recipe that is none of this
 * technique.
 */
export function stepOf(
  command: Command,
  technique: TechniqueInfo,
  { recipe, seed }: Pick<LearnOptions, 'recipe' | 'seed'>,
): { step: Step; seed: number } {
  const flags = techniqueOptions(command, technique)
  const written = recipe === undefined ? undefined : readRecipe(recipe, technique.id)
  const step = { technique: technique.id, options: { ...written?.options, ...flags } }
  const isGiven = command.getOptionValueSource('seed') === 'cli'
  return { step, seed: isGiven ? seed : (written?.seed ?? seed) }
}

function readRecipe(path: string, technique: string): { options: Record<string, unknown>; seed: number } {
  let value: unknown
  try {
    value = parse(readFileSync(inputFile(path, 'recipe'), 'utf8'), { logLevel: 'error' })
  } catch (error) {
    if (error instanceof BantamError) throw error
    throw new BantamError('bad-file', `The recipe is not YAML: ${firstLine(error)}`, { where: path })
  }
  const recipe = Recipe.safeParse(value)
  if (!recipe.success) {
    const [issue] = recipe.error.issues
    throw new BantamError(
      'bad-option',
      `The recipe is not valid: ${issue?.path.join('.') || 'all of it'}: ${issue?.message}.`,
      {
        where: path,
        action: 'A recipe has steps, each with a technique and its options.',
      },
    )
  }
  const steps = recipe.data.steps
  const [step] = steps
  if (step && steps.length === 1 && step.technique === technique)
    return { options: step.options, seed: recipe.data.seed }
  throw new BantamError(
    'bad-option',
    `The recipe has the steps ${steps.map(s => s.technique).join(', ')}; here it must be ${technique} alone.`,
    { where: path, action: 'Give a recipe of that one step.' },
  )
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}

/** Refuses paths that cannot be read or written before any work begins. `step` may name further models. */
export function checkPaths(model: string, step: Step, options: LearnOptions): void {
  const { student, teachers } = step.options
  const named = [student, ...(Array.isArray(teachers) ? teachers : [])]
  // What is no file is a shape, or refused by the technique.
  const files = named.filter((name): name is string => typeof name === 'string' && existsSync(name))
  const models = [model, ...files]
  for (const path of models) inputFile(path)
  outputFile(options.out, models)
  if (options.resume && options.restart)
    throw new BantamError('bad-option', '--resume and --restart exclude each other.')
}

/**
 * Runs a training with a folder for its checkpoints beside the result, gone when it is done. Throws `conflict` when
 * another process trains for the same result, or when a checkpoint is there and neither `--resume` nor `--restart` is.
 */
export async function withCheckpoints<T>(
  options: LearnOptions,
  context: TaskContext,
  say: (record: TrainingRecord) => void,
  work: (context: TaskContext) => Promise<T>,
): Promise<T> {
  const keepDir = `${resolve(options.out)}.checkpoint`
  const isThere = existsSync(keepDir)
  if (isThere && !statSync(keepDir).isDirectory()) {
    throw new BantamError('bad-option', 'A file lies where the checkpoints would.', {
      where: keepDir,
      action: 'Move it, or choose another --out.',
    })
  }
  const found = isThere && readdirSync(keepDir).some(isSavedPlace)
  mkdirSync(keepDir, { recursive: true })
  const lock = takeLock(keepDir, TRAINING)
  try {
    if (found && !options.resume && !options.restart) {
      throw new BantamError('conflict', 'There is the checkpoint of an interrupted training.', {
        where: keepDir,
        action: 'Go on with --resume, or start anew with --restart.',
      })
    }
    if (!found && options.resume) {
      throw new BantamError('not-found', 'There is no checkpoint to go on from.', {
        where: keepDir,
        action: 'Leave out --resume.',
      })
    }
    if (!options.resume) clearCheckpoints(keepDir)
    const result = await work({ ...context, keepDir, training: say })
    rmSync(keepDir, { recursive: true, force: true })
    return result
  } catch (error) {
    throw isSaved(error, keepDir) ? saved(keepDir) : error
  } finally {
    lock.release()
    // No place was saved: nothing stays.
    if (existsSync(keepDir) && !readdirSync(keepDir).some(isSavedPlace))
      rmSync(keepDir, { recursive: true, force: true })
  }
}

/** Files that a training goes on from: its checkpoint, and rounds of a pruning that are over. */
function isSavedPlace(name: string): boolean {
  return /^(checkpoint|round-\d+\.json)$/.test(name)
}

function clearCheckpoints(folder: string): void {
  for (const name of readdirSync(folder))
    if (/^(checkpoint|plan\.json|round-.*)$/.test(name)) rmSync(`${folder}/${name}`, { force: true })
}

function isSaved(error: unknown, keepDir: string): boolean {
  const cancelled = error instanceof BantamError && error.code === 'cancelled'
  return cancelled && existsSync(keepDir) && readdirSync(keepDir).some(isSavedPlace)
}

function saved(keepDir: string): BantamError {
  return new BantamError('cancelled', 'Cancelled; the training has saved its place.', {
    where: keepDir,
    action: 'Go on with the same command and --resume.',
  })
}

/** 'loss 0.214 · accuracy 97.1 %': how it goes, behind the stage of a progress bar. */
export function describeProgress(record: TrainingRecord): string {
  const loss = record.points.at(-1)?.loss
  const measured = record.epochs.findLast(e => e.validation)?.validation
  return [
    ...(loss === undefined ? [] : [`loss ${loss.toPrecision(3)}`]),
    ...(measured ? [`${record.metric.title.toLowerCase()} ${metricText(record, measured.metric)}`] : []),
  ].join(' · ')
}

/** A validation metric as people read it: shares in percent. */
export function metricText(record: TrainingRecord, value: number): string {
  return record.metric.higherIsBetter ? formatShare(value) : value.toPrecision(4)
}

/** The JSON's history: one entry per epoch. */
export function historyOf(record: TrainingRecord | undefined) {
  return (record?.epochs ?? []).map(e => ({
    epoch: e.epoch,
    loss: e.loss,
    metric: e.validation?.metric ?? null,
    validationLoss: e.validation?.loss ?? null,
    seconds: e.seconds,
    samplesPerSecond: e.samplesPerSecond,
  }))
}

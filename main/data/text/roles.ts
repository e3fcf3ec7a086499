/** Which of a model's inputs takes which part of what a tokenizer gives. */
import type { TensorInfo, TextPreprocessing, TextRole } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { usualRole } from '../../../shared/text-roles'
import { isFloatType, isNumericType } from '../values'

/** Inputs that take text, each with its role: as chosen, else by the usual names, else the only input of whole numbers. */
export function textRoles(
  inputs: readonly TensorInfo[],
  chosen: TextPreprocessing['roles'],
): Map<string, TextRole> {
  const roles = new Map<string, TextRole>()
  for (const { name } of inputs) {
    const role = chosen[name] ?? usualRole(name)
    if (role) roles.set(name, role)
  }
  if ([...roles.values()].includes('ids')) return roles
  const free = inputs.filter(i => !roles.has(i.name) && i.shape.length === 2 && isWholeType(i.type))
  const [only, ...more] = free
  if (only && more.length === 0) roles.set(only.name, 'ids')
  return roles
}

/** Whether a model looks as if it took text: an input for token numbers by name, or a mask of one. */
export function looksLikeText(inputs: readonly TensorInfo[]): boolean {
  return [...textRoles(inputs, {})].some(([name, role]) => role === 'ids' && usualRole(name) === 'ids')
}

/** What is fed when no model says: token numbers and their mask. */
export function usualInputs(roles: TextPreprocessing['roles']): TensorInfo[] {
  const names = Object.keys(roles).length > 0 ? Object.keys(roles) : ['input_ids', 'attention_mask']
  return names.map(name => ({ name, type: 'int64', shape: ['batch', 'length'] }))
}

/**
 * The length the model declares, if it declares one. Throws `bad-option` for a chosen input the model does not have,
 * `bad-data` when none takes token numbers or one is not [samples, length].
 */
export function declaredLength(
  inputs: readonly TensorInfo[],
  roles: ReadonlyMap<string, TextRole>,
  chosen: TextPreprocessing['roles'],
  where: string,
): number | undefined {
  const names = inputs.map(i => i.name).join(', ')
  const unknown = Object.keys(chosen).find(name => !inputs.some(i => i.name === name))
  if (unknown !== undefined) {
    throw new BantamError('bad-option', `The model has no input ${unknown}.`, {
      where,
      action: `Its inputs are ${names}.`,
    })
  }
  if (![...roles.values()].includes('ids')) {
    throw new BantamError(
      'bad-data',
      `None of the model's inputs (${names}) is known to take token numbers.`,
      {
        where,
        action: 'Say which: NAME=COLUMN:ids on the command line, or in the form.',
      },
    )
  }
  const fed = inputs.filter(i => roles.has(i.name))
  for (const input of fed) refuseShape(input, roles.get(input.name) ?? 'ids', where)
  const lengths = new Set(fed.map(i => i.shape[1]).filter(d => typeof d === 'number' && d > 0))
  if (lengths.size > 1) {
    throw new BantamError(
      'bad-data',
      `The model's inputs want texts of different lengths: ${[...lengths].join(', ')}.`,
      {
        where,
      },
    )
  }
  const [length] = lengths
  return typeof length === 'number' ? length : undefined
}

function refuseShape(input: TensorInfo, role: TextRole, where: string): void {
  const { name, type, shape } = input
  if (shape.length !== 2) {
    throw new BantamError(
      'bad-data',
      `The model's input ${name} wants [${shape.join(', ')}]; tokens are [samples, length].`,
      { where },
    )
  }
  if (!isNumericType(type) || (role === 'ids' && isFloatType(type))) {
    throw new BantamError(
      'bad-data',
      `The model's input ${name} is of type ${type}, which takes no ${NAMES[role]}.`,
      {
        where,
      },
    )
  }
}

/** What a role feeds, in words. */
const NAMES: Record<TextRole, string> = {
  ids: 'token numbers',
  mask: 'mask',
  types: 'token types',
  positions: 'positions',
}

function isWholeType(type: string): boolean {
  return isNumericType(type) && !isFloatType(type) && type !== 'bool'
}

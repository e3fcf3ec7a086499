/** The reference of the command line as Markdown, made from the commands and the techniques' schemas themselves. */
import { Command, type Option } from 'commander'
import type { TechniqueInfo } from '../../shared/domain'
import { mayNeedData } from '../../shared/needs'
import { COMMANDS } from './commands'
import { addDataOptions } from './data-options'
import { describeField, fieldsOf, flagOf } from './flags'
import { type Family, methodsOf } from './method'

const DATA = addDataOptions(new Command(), false).options
const IS_DATA = new Set(DATA.map(o => o.long))
const GLOBAL = new Set(['--json', '--seed', '--threads', '--device', '--workspace'])

/** When a method needs data. */
const NEEDS: Record<Family, (technique: TechniqueInfo) => string> = {
  'quantize.': technique => {
    if (mayNeedData(technique)) return 'Needs `--data` where an option looks at samples.'
    return technique.needs === 'nothing' ? 'Needs no data.' : 'Needs `--data`.'
  },
  'prune.': () => 'Needs `--data` where something is measured on samples or recovered.',
}

/** One section per command with its options, then one per method of `quantize` and `prune`. */
export async function commandReference(): Promise<string> {
  const sections: string[] = []
  for (const { name, summary, load } of COMMANDS) {
    const command = new Command(name)
    const module = await load()
    await module.setup(command, [])
    const words = command.registeredArguments.map(a => `<${a.name()}${a.variadic ? '...' : ''}>`)
    const takesData = command.options.some(o => o.long === '--data')
    const own = command.options
      .filter(o => !IS_DATA.has(o.long) || o.mandatory)
      .filter(o => !GLOBAL.has(o.long ?? '') || (o.long === '--threads' && isList(o)))
    sections.push(
      [
        `### \`bantam ${[name, ...words].join(' ')}\``,
        '',
        `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.${takesData ? ' Takes the options of data.' : ''}`,
        '',
        ...(own.length > 0 ? table(own.map(o => [o.flags, withDefault(o)])) : ['No options of its own.']),
      ].join('\n'),
    )
  }
  for (const family of ['quantize.', 'prune.'] as const)
    sections.push(...methodsOf(family).map(method => methodSection(family, method)))
  sections.unshift(['### Options of data', '', ...table(DATA.map(o => [o.flags, withDefault(o)]))].join('\n'))
  return sections.join('\n\n')
}

function methodSection(family: Family, technique: TechniqueInfo): string {
  const fields = fieldsOf(technique).map(([name, field]) => [flagOf(name, field), describeField(field)])
  return [
    `### \`${family.slice(0, -1)} --method ${technique.id.slice(family.length)}\``,
    '',
    `${technique.summary} ${NEEDS[family](technique)}`,
    '',
    ...(fields.length > 0 ? table(fields) : ['No options.']),
  ].join('\n')
}

function isList(option: Option): boolean {
  return Array.isArray(option.defaultValue)
}

function withDefault({ description, defaultValue, mandatory, argChoices }: Option): string {
  const notes = [
    mandatory ? 'required' : '',
    argChoices ? argChoices.join(', ') : '',
    defaultValue === undefined || typeof defaultValue === 'boolean' || description.includes('default:')
      ? ''
      : `default: ${Array.isArray(defaultValue) ? defaultValue.join(',') : defaultValue}`,
  ].filter(Boolean)
  return notes.length > 0 ? `${description} (${notes.join('; ')})` : description
}

function table(rows: readonly (readonly (string | undefined)[])[]): string[] {
  return [
    '| option | what it does |',
    '| --- | --- |',
    ...rows.map(([flag, text]) => `| \`${flag}\` | ${(text ?? '').replaceAll('|', '\\|')} |`),
  ]
}

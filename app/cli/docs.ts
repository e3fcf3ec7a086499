/** The reference of the command line as Markdown, made from the commands and the techniques' schemas themselves. */
import { Command, type Option } from 'commander'
import { TECHNIQUES, techniqueInfo } from '../../main/techniques'
import { COMMANDS } from './commands'
import { addDataOptions } from './data-options'
import { describeField, fieldsOf, flagOf } from './flags'

const DATA = addDataOptions(new Command(), false).options
const IS_DATA = new Set(DATA.map(o => o.long))
const GLOBAL = new Set(['--json', '--seed', '--threads', '--device', '--workspace'])

/** One section per command with its options, then one per method of `quantize`. */
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
  for (const technique of TECHNIQUES.map(techniqueInfo).filter(t => t.id.startsWith('quantize.'))) {
    const needs = technique.needs === 'nothing' ? 'Needs no data.' : 'Needs `--data`.'
    const fields = fieldsOf(technique).map(([name, field]) => [flagOf(name, field), describeField(field)])
    sections.push(
      [
        `### \`--method ${technique.id.slice('quantize.'.length)}\``,
        '',
        `${technique.summary} ${needs}`,
        '',
        ...(fields.length > 0 ? table(fields) : ['No options.']),
      ].join('\n'),
    )
  }
  sections.unshift(['### Options of data', '', ...table(DATA.map(o => [o.flags, withDefault(o)]))].join('\n'))
  return sections.join('\n\n')
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

/** `bantam distill --teacher MODEL --student STUDENT --data DATA --epochs N --out FILE` */
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { techniqueById, techniqueInfo } from '../../main/techniques'
import { runAction } from './command'
import { addLearnOptions, checkPaths, type LearnOptions, stepOf } from './learn'

export function setup(command: Command): void {
  const technique = techniqueInfo(techniqueById('distill.student'))
  addLearnOptions(command, technique)
    .requiredOption('--teacher <model>', 'ONNX file to learn from')
    .action((options: LearnOptions & { teacher: string; student?: string; teachers?: string[] }) =>
      runAction(options.json, async terminal => {
        const files = [options.student ?? '', ...(options.teachers ?? [])].filter(name => existsSync(name))
        checkPaths([options.teacher, ...files], options)
        const step = stepOf(command, technique, options.recipe)
        const { describeLearnt, runLearning } = await import('./learn-run')
        const result = await runLearning(options.teacher, step, options, terminal)
        terminal.result(result.document, () => describeLearnt(result))
      }),
    )
}

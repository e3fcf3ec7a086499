/** `bantam train MODEL --data DATA --epochs N --out FILE` */
import type { Command } from 'commander'
import { techniqueById, techniqueInfo } from '../../main/techniques'
import { runAction } from './command'
import { addLearnOptions, checkPaths, type LearnOptions, stepOf } from './learn'

export function setup(command: Command): void {
  const technique = techniqueInfo(techniqueById('train.labels'))
  addLearnOptions(command, technique)
    .argument('<model>', 'ONNX file')
    .action((model: string, options: LearnOptions) =>
      runAction(options.json, async terminal => {
        const { step, seed } = stepOf(command, technique, options)
        checkPaths(model, step, options)
        const { describeLearnt, runLearning } = await import('./learn-run')
        const result = await runLearning(model, step, { ...options, seed }, terminal)
        terminal.result(result.document, () => describeLearnt(result))
      }),
    )
}

/**
 * The nouns of Bantam as data: what the engine computes, the workspace stores, the contract carries and the
 * screen shows. Words as in the design: teacher, variant, study, dataset, technique, plan, job. They lie in `domain/`, a
 * file per noun, and are imported from here alone.
 */
export * from './domain/benchmark'
export * from './domain/dataset'
export * from './domain/evaluation'
export * from './domain/hardware'
export * from './domain/job'
export * from './domain/model'
export * from './domain/note'
export * from './domain/prediction'
export * from './domain/preprocessing'
export * from './domain/settings'
export * from './domain/study'
export * from './domain/technique'
export * from './domain/verification'
export { Dimension, TensorInfo } from './tensor'

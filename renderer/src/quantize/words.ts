/** What calibrations and tensors are called. */
import type { Calibration, TensorFit } from '../../../shared/quantize'

export const CALIBRATION_WORDS: Record<Calibration, { title: string; about: string }> = {
  minmax: { title: 'min–max', about: 'All values that were seen.' },
  percentile: { title: 'percentile', about: 'The largest values are cut off.' },
  entropy: { title: 'entropy', about: 'The range that loses the least information.' },
  mse: { title: 'least error', about: 'The range of the least squared rounding error.' },
}

export const ROLE_TITLES: Record<TensorFit['role'], string> = {
  input: 'Input',
  weight: 'Weights',
  output: 'Output',
}

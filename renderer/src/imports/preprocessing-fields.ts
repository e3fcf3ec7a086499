import type { ArrayPreprocessing, ImagePreprocessing } from '../../../shared/domain'
import type { Field } from '../variant/schema'

const base = { description: '', nullable: false } as const

function whole(name: string, title: string, initial: number): Field {
  return { ...base, kind: 'number', name, title, initial, min: 1, max: 8192, integer: true, step: 1 }
}

function real(name: string, title: string, initial: number, description = ''): Field {
  return {
    ...base,
    kind: 'number',
    name,
    title,
    initial,
    description,
    min: undefined,
    max: undefined,
    integer: false,
    step: 0.1,
  }
}

function choice(name: string, title: string, choices: string[], description = ''): Field {
  return { ...base, kind: 'choice', name, title, choices, description, initial: choices[0] }
}

function numbers(name: string, title: string, initial: number[], description: string): Field {
  return { ...base, kind: 'numbers', name, title, initial, description }
}

const ARRAY: Field[] = [
  real('scale', 'Scale', 1, 'Values are multiplied by this first.'),
  numbers('mean', 'Mean', [0], 'Subtracted after scaling; one number, or one per entry of the last axis.'),
  numbers('std', 'Deviation', [1], 'Divided by, after the mean.'),
]

/** The options of a preprocessing as form fields; those that would change nothing are left out. */
export function preprocessingFields(of: ImagePreprocessing | ArrayPreprocessing): Field[] {
  if (of.kind === 'array') return ARRAY
  return [
    whole('height', 'Height', of.height),
    whole('width', 'Width', of.width),
    choice('channels', 'Channels', ['rgb', 'bgr', 'gray']),
    choice('fit', 'Fit', ['crop', 'stretch', 'pad'], 'Crop the centre, ignore the aspect, or pad to it.'),
    ...(of.fit === 'crop'
      ? [
          real(
            'cropScale',
            'Resize before the crop',
            1,
            'Shorter side against the crop: 1.143 is 256 to 224.',
          ),
        ]
      : []),
    ...(of.fit === 'pad'
      ? [real('padValue', 'Padding value', 0, 'After scaling, before mean and deviation.')]
      : []),
    choice('interpolation', 'Interpolation', ['bilinear', 'bicubic', 'nearest']),
    choice('layout', 'Layout', ['NCHW', 'NHWC'], 'Where the model has its channels.'),
    real('scale', 'Scale', 1 / 255, 'Pixels 0 to 255 are multiplied by this: 0.00392 gives 0 to 1.'),
    numbers('mean', 'Mean', [0], 'Subtracted per channel.'),
    numbers('std', 'Deviation', [1], 'Divided by, per channel.'),
  ]
}

export interface Preset {
  title: string
  values: { scale: number; mean: number[]; std: number[] }
}

/** Ways of bringing pixels to numbers that most models were trained with. */
export const PIXEL_PRESETS: readonly Preset[] = [
  { title: '0 to 1', values: { scale: 1 / 255, mean: [0], std: [1] } },
  { title: '−1 to 1', values: { scale: 1 / 255, mean: [0.5], std: [0.5] } },
  { title: 'ImageNet', values: { scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } },
  { title: '0 to 255', values: { scale: 1, mean: [0], std: [1] } },
]

/** What the kinds of losses have in common, and how they are named to people. */
import { BantamError } from '../../shared/errors'
import { FEATURE_LOSSES, type FeatureLoss, type HardLoss, type LossSpec } from '../../shared/training'

const HARD = ['cross-entropy', 'binary-cross-entropy', 'mse', 'huber']

export function isHardLoss(loss: LossSpec): loss is HardLoss {
  return HARD.includes(loss.kind)
}

export function isFeatureLoss(loss: LossSpec): loss is FeatureLoss {
  return FEATURE_LOSSES.some(kind => kind === loss.kind)
}

/** 'labels' for losses against labels, the kind for those of answers, `hint conv3 → conv1` for those of features. */
export function lossTitle(loss: LossSpec): string {
  if (isFeatureLoss(loss)) return `${loss.kind} ${loss.teacher} → ${loss.student}`
  return isHardLoss(loss) ? 'labels' : loss.kind
}

/** A loss that cannot be added: 'The loss kd needs a teacher.' */
export function refuse(title: string, why: string, action?: string, where?: string): BantamError {
  return new BantamError('bad-option', `The loss ${title} ${why}.`, {
    ...(where ? { where } : {}),
    ...(action ? { action } : {}),
  })
}

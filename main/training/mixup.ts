/** Mixup (Zhang et al. 2018): every sample is blended with another of its batch, x = λ·x + (1 − λ)·x′, λ ~ Beta(a, a). */
import { BantamError } from '../../shared/errors'
import type { Random } from '../data/random'
import type { Tensor } from '../runtime/tensor'

export interface Mix {
  /** Position in the batch of the sample that each is blended with. */
  partner: Uint32Array
  /** λ, one for the batch. */
  share: number
}

/** Blends the float inputs of a batch in place. Throws `bad-option` when an input cannot be blended. */
export function mixUp(feeds: Record<string, Tensor>, batch: number, a: number, random: Random): Mix {
  const partner = random.shuffle(Uint32Array.from({ length: batch }, (_, i) => i))
  const share = beta(a, random)
  for (const [name, tensor] of Object.entries(feeds)) {
    if (tensor.dims[0] !== batch) continue
    if (tensor.type !== 'float32')
      throw new BantamError('bad-option', `Mixup needs real numbers; the input ${name} is ${tensor.type}.`, {
        where: 'mixup',
        action: 'Turn mixup off.',
      })
    const data = tensor.data as Float32Array
    const before = data.slice()
    const length = data.length / batch
    partner.forEach((other, row) => {
      for (let i = 0; i < length; i++)
        data[row * length + i] =
          share * (before[row * length + i] ?? 0) + (1 - share) * (before[other * length + i] ?? 0)
    })
  }
  return { partner, share }
}

/** Beta(a, a) as G/(G + G′) of two gamma variates. */
function beta(a: number, random: Random): number {
  const [x, y] = [gamma(a, random), gamma(a, random)]
  return x + y > 0 ? x / (x + y) : 0.5
}

/** Gamma(a, 1) by Marsaglia and Tsang 2000; for a < 1 by Gamma(a + 1)·u^(1/a). */
function gamma(a: number, random: Random): number {
  if (a < 1) return gamma(a + 1, random) * (1 - random.unit()) ** (1 / a)
  const d = a - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random.unit()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

/** Box and Muller 1958. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit())
}

/**
 * The arithmetic of the optimizers, in AssemblyScript (WebAssembly with SIMD). `node scripts/make-optimizer.mjs` compiles
 * this file into kernels.generated.ts. Pointers are byte offsets into one memory, aligned to 64 bytes; `n` counts float32
 * values and is a multiple of 16. A pointer `average` of 0 means that no average is kept: offset 0 is never a section.
 */

/** e += rate·(w − e) */
function average4(at: usize, w: v128, rate: v128): void {
  const e = v128.load(at)
  v128.store(at, f32x4.add(e, f32x4.mul(rate, f32x4.sub(w, e))))
}

/**
 * g′ = scale·g + l2·w;  m += rate1·(g′ − m);  v = beta2·v + rate2·g′²;  w = keep·w − stepSize·m / (√v + epsilon)
 *
 * The caller puts both bias corrections into stepSize and epsilon.
 */
export function adam(
  w: usize,
  g: usize,
  m: usize,
  v: usize,
  average: usize,
  n: usize,
  scale: f32,
  l2: f32,
  keep: f32,
  rate1: f32,
  beta2: f32,
  rate2: f32,
  stepSize: f32,
  epsilon: f32,
  averageRate: f32,
): void {
  const scale4 = f32x4.splat(scale)
  const l24 = f32x4.splat(l2)
  const keep4 = f32x4.splat(keep)
  const rate14 = f32x4.splat(rate1)
  const beta24 = f32x4.splat(beta2)
  const rate24 = f32x4.splat(rate2)
  const step4 = f32x4.splat(stepSize)
  const epsilon4 = f32x4.splat(epsilon)
  const average4Rate = f32x4.splat(averageRate)
  const bytes = n << 2
  for (let i: usize = 0; i < bytes; i += 16) {
    const weight = v128.load(w + i)
    let slope = f32x4.mul(v128.load(g + i), scale4)
    if (l2 !== 0) slope = f32x4.add(slope, f32x4.mul(weight, l24))
    const m0 = v128.load(m + i)
    const m1 = f32x4.add(m0, f32x4.mul(rate14, f32x4.sub(slope, m0)))
    const v1 = f32x4.add(f32x4.mul(v128.load(v + i), beta24), f32x4.mul(f32x4.mul(slope, slope), rate24))
    const root = f32x4.add(f32x4.sqrt(v1), epsilon4)
    const next = f32x4.sub(f32x4.mul(weight, keep4), f32x4.div(f32x4.mul(step4, m1), root))
    v128.store(m + i, m1)
    v128.store(v + i, v1)
    v128.store(w + i, next)
    if (average) average4(average + i, next, average4Rate)
  }
}

/**
 * g′ = scale·g + l2·w;  b = momentum·b + g′;  w −= rate·(b, or g′ + momentum·b for Nesterov's form). A pointer `b` of 0
 * means no momentum: w −= rate·g′.
 */
export function sgd(
  w: usize,
  g: usize,
  b: usize,
  average: usize,
  n: usize,
  scale: f32,
  l2: f32,
  momentum: f32,
  nesterov: bool,
  rate: f32,
  averageRate: f32,
): void {
  const scale4 = f32x4.splat(scale)
  const l24 = f32x4.splat(l2)
  const momentum4 = f32x4.splat(momentum)
  const rate4 = f32x4.splat(rate)
  const average4Rate = f32x4.splat(averageRate)
  const bytes = n << 2
  for (let i: usize = 0; i < bytes; i += 16) {
    const weight = v128.load(w + i)
    let slope = f32x4.add(f32x4.mul(v128.load(g + i), scale4), f32x4.mul(weight, l24))
    if (b) {
      const b1 = f32x4.add(f32x4.mul(v128.load(b + i), momentum4), slope)
      v128.store(b + i, b1)
      slope = nesterov ? f32x4.add(slope, f32x4.mul(momentum4, b1)) : b1
    }
    const next = f32x4.sub(weight, f32x4.mul(rate4, slope))
    v128.store(w + i, next)
    if (average) average4(average + i, next, average4Rate)
  }
}

/** a += g */
export function add(a: usize, g: usize, n: usize): void {
  const bytes = n << 2
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(a + i, f32x4.add(v128.load(a + i), v128.load(g + i)))
  }
}

/** Σ g², summed in float64. Not finite exactly when a value is not finite: no finite float32 overflows here. */
export function sumOfSquares(g: usize, n: usize): f64 {
  let low = f64x2.splat(0)
  let high = f64x2.splat(0)
  const bytes = n << 2
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(g + i)
    const a = f64x2.promote_low_f32x4(x)
    const b = f64x2.promote_low_f32x4(v128.shuffle<u32>(x, x, 2, 3, 2, 3))
    low = f64x2.add(low, f64x2.mul(a, a))
    high = f64x2.add(high, f64x2.mul(b, b))
  }
  const sum = f64x2.add(low, high)
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
}

/** Values below the smallest normal float32 become 0: arithmetic on such denormals is up to a hundred times slower. */
export function flush(at: usize, n: usize): void {
  const bytes = n << 2
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(at + i)
    v128.store(at + i, v128.and(x, f32x4.ge(f32x4.abs(x), f32x4.splat(1.17549435e-38))))
  }
}

/** Sets values to 0. */
export function clear(at: usize, n: usize): void {
  memory.fill(at, 0, n << 2)
}

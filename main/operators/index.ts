/** The operator table. */
import { normalDomain } from '../onnx/model'
import { activation } from './activation'
import { attention } from './attention'
import { classic } from './classic'
import { control } from './control'
import { convolution } from './convolution'
import { elementwise } from './elementwise'
import { matmul } from './matmul'
import { movement } from './movement'
import type { OpType } from './names'
import { normalization } from './normalization'
import { pooling } from './pooling'
import { quantization } from './quantization'
import { random } from './random'
import { recurrent } from './recurrent'
import { reduction } from './reduction'
import type { OpRow } from './row'
import { signal } from './signal'
import { text } from './text'

const OPERATORS = {
  ...activation,
  ...attention,
  ...classic,
  ...control,
  ...convolution,
  ...elementwise,
  ...matmul,
  ...movement,
  ...normalization,
  ...pooling,
  ...quantization,
  ...random,
  ...recurrent,
  ...reduction,
  ...signal,
  ...text,
} satisfies Record<OpType, OpRow>

const ROWS = new Map<string, OpRow>(Object.entries(OPERATORS))

/** What the engine knows of an operator; undefined for one it has never heard of. '' and 'ai.onnx' are one domain. */
export function operatorRow(opType: string, domain: string): OpRow | undefined {
  return ROWS.get(operatorKey(opType, domain))
}

/** The table's key, also how operators are named in histograms: `Conv`, `com.microsoft:FusedConv`. */
export function operatorKey(opType: string, domain: string): string {
  const normal = normalDomain(domain)
  return normal === '' ? opType : `${normal}:${opType}`
}

/** Every row with its key. */
export function operatorRows(): ReadonlyMap<string, OpRow> {
  return ROWS
}

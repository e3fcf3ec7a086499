/** Tokens per second of language models, for a person. */
import type { Generation, Measured } from '../../shared/domain'
import { formatBytes, formatMs, formatValue } from '../../shared/format'
import { ratioText } from '../../shared/verdict'
import { columns, plain } from './terminal'

/** Tables of what was measured; models are called by what stands in `model`, `a` and `b`. */
export function describeGeneration({ rows, ratios }: Generation): string[] {
  const table = rows.map(r => [
    plain(r.model),
    String(r.threads),
    r.cache ? 'handed on' : 'none',
    `${r.promptTokens} + ${r.generatedTokens}`,
    perSecond(r.promptTokensPerSecond),
    perSecond(r.tokensPerSecond),
    formatMs(r.tokenMs.median),
    r.peakMemoryBytes === null ? '' : formatBytes(r.peakMemoryBytes),
  ])
  const header = [
    'language model',
    'threads',
    'cache',
    'prompt + made',
    'prompt, tokens/s',
    'made, tokens/s (95 % interval)',
    'per token',
    'peak memory',
  ]
  const compared = ratios.map(r => [
    `${plain(r.b)} against ${plain(r.a)}`,
    r.phase === 'prompt' ? 'reading the prompt' : 'making a token',
    String(r.threads),
    `${r.ratio.toFixed(3)} (${r.low.toFixed(3)} to ${r.high.toFixed(3)})`,
    ratioText(r),
  ])
  return [
    columns([header, ...table], [1, 3, 4, 5, 6, 7]),
    ...(compared.length > 0
      ? ['', columns([['comparison', 'of', 'threads', 'time ratio', ''], ...compared], [2, 3])]
      : []),
  ]
}

function perSecond({ value, low, high }: Measured): string {
  const text = (v: number) => formatValue(v, 'count')
  return low === undefined || high === undefined
    ? text(value)
    : `${text(value)} (${text(low)} to ${text(high)})`
}

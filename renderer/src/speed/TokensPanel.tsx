import type { GenerationRow, Measured, Variant } from '../../../shared/domain'
import { formatBytes, formatMs, formatRate } from '../../../shared/format'
import { generationRow } from '../../../shared/metrics'
import { rangeOf, ratioText, ratioTone } from '../../../shared/verdict'
import { Panel } from '../ui/Panel'
import classes from './speed.module.css'

/** How fast a language model reads a prompt and continues it, next to its reference. Nothing for other models. */
export function TokensPanel({ variant, reference }: { variant: Variant; reference: Variant }) {
  const own = generationRow(variant)
  if (!own) return null
  const other = variant.id === reference.id ? undefined : generationRow(reference)
  const ratios = (variant.benchmark?.generation?.ratios ?? []).filter(
    r => r.a === reference.model && r.b === variant.model && r.threads === own.threads,
  )
  return (
    <Panel title="Tokens per second">
      <div className={classes.findings}>
        {ratios.map(ratio => (
          <div key={ratio.phase} className={classes.headline}>
            <span className={classes.ratio} data-tone={ratioTone(ratio)}>
              {ratio.phase === 'prompt' ? 'Reading a prompt' : 'Making a token'}: {ratioText(ratio)}
            </span>
            <span className={classes.small}>
              {ratioTone(ratio) === 'uncertain' ? 'against' : 'than'} {reference.name}, 95 % interval{' '}
              {rangeOf(ratio)}, interleaved
            </span>
          </div>
        ))}
        <table className={classes.tokens}>
          <thead>
            <tr>
              <th scope="col">Model</th>
              <th scope="col">Tokens/s</th>
              <th scope="col">Prompt tokens/s</th>
              <th scope="col">Per token</th>
              <th scope="col">Peak memory</th>
            </tr>
          </thead>
          <tbody>
            {other && <TokensRow name={reference.name} row={other} />}
            <TokensRow name={variant.name} row={own} />
          </tbody>
        </table>
        <div className={classes.small}>{settingText(own, other)}</div>
      </div>
    </Panel>
  )
}

function TokensRow({ name, row }: { name: string; row: GenerationRow }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td title={interval(row.tokensPerSecond)}>{formatRate(row.tokensPerSecond.value)}</td>
      <td title={interval(row.promptTokensPerSecond)}>{formatRate(row.promptTokensPerSecond.value)}</td>
      <td>{formatMs(row.tokenMs.median)}</td>
      <td>{row.peakMemoryBytes === null ? '' : formatBytes(row.peakMemoryBytes)}</td>
    </tr>
  )
}

function interval({ low, high }: Measured): string {
  return low === undefined || high === undefined
    ? ''
    : `95 % interval ${formatRate(low)} to ${formatRate(high)}`
}

/** How it was measured. */
function settingText(own: GenerationRow, other: GenerationRow | undefined): string {
  const how = (row: GenerationRow) =>
    row.cache ? 'keys and values handed on' : 'the whole text computed again for every token'
  const caches =
    !other || other.cache === own.cache ? how(own) : `${how(own)}; of its reference, ${how(other)}`
  const threads = `${own.threads} ${own.threads === 1 ? 'thread' : 'threads'}`
  return `A prompt of ${own.promptTokens} tokens and ${own.generatedTokens} made after it, one text at a time, ${threads}: ${caches}.`
}

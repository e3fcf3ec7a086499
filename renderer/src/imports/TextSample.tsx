import type { TextPreview } from '../../../shared/domain'
import { formatExact, formatShare } from '../../../shared/format'
import classes from './imports.module.css'

/** A text, the tokens it is cut into, and how long the texts of the data are. */
export function TextSample({ text }: { text: TextPreview }) {
  const { texts, tokens, length, fed } = text
  return (
    <>
      {texts.map((one, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: one text or two, in their order
        <div key={i} className={classes.text} dir="auto">
          {one === '' ? <span className={classes.dim}>empty</span> : one}
        </div>
      ))}
      <h4>
        {formatExact(length)} tokens{length > fed && `, of which the model sees ${formatExact(fed)}`}
      </h4>
      <div className={classes.tokens}>
        {tokens.map((token, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: tokens repeat; their place is what tells them apart
          <span key={i} className={classes.token} title={`number ${token.id}`}>
            <bdi>{token.text}</bdi> <span>{token.id}</span>
          </span>
        ))}
        {fed > tokens.length && <span className={classes.dim}>…</span>}
      </div>
      <Lengths lengths={text.lengths} />
    </>
  )
}

/** Lengths of some samples as bars; those beyond what the model sees stand out. */
function Lengths({ lengths }: Pick<TextPreview, 'lengths'>) {
  const { samples, cut, bins, longest, maxLength } = lengths
  const highest = Math.max(1, ...bins)
  const width = (longest + 1) / bins.length
  const share = samples > 0 ? cut / samples : 0
  return (
    <figure className={classes.lengths}>
      <div className={classes.bars} aria-hidden>
        {bins.map((count, i) => (
          <span
            // biome-ignore lint/suspicious/noArrayIndexKey: bins are known by their place
            key={i}
            data-cut={i * width >= maxLength || undefined}
            style={{ height: `${(count / highest) * 100}%` }}
          />
        ))}
      </div>
      <figcaption>
        Lengths of {formatExact(samples)} texts, up to {formatExact(longest)} tokens.{' '}
        {cut === 0
          ? 'None is cut.'
          : `${formatShare(share, 0)} are longer than ${formatExact(maxLength)} and lose their end.`}
      </figcaption>
    </figure>
  )
}

import type { Profile } from '../../../shared/domain'
import { formatMs, formatShare } from '../../../shared/format'
import { categories, colors } from '../ui/theme'
import { Swatch } from '../ui/values'
import classes from './speed.module.css'
import { SHARE_KINDS, type ShareKind, timeShares } from './speed-view'

const KINDS: Record<ShareKind, { title: string; color: string }> = {
  int8: { title: 'int8 kernels', color: categories[2] },
  quantizeDequantize: { title: 'quantize and dequantize', color: categories[1] },
  conversion: { title: 'casts and reorders', color: categories[3] },
  rest: { title: 'everything else', color: colors.borderStrong },
}

/** Where the kernels' time goes, one bar per model, each over its own time. */
export function TimeShares({ sides }: { sides: readonly { name: string; profile: Profile }[] }) {
  return (
    <div style={{ display: 'flex', flexDirection: 'column', gap: '0.625rem' }}>
      {sides.map(({ name, profile }) => {
        const shares = timeShares(profile)
        const said = SHARE_KINDS.filter(k => shares[k] > 0).map(
          k => `${KINDS[k].title} ${formatShare(shares[k], 1)}`,
        )
        return (
          <div key={name} className={classes.share}>
            <span className="ellipsis" title={name}>
              {name}
            </span>
            <span className={classes.shareBar} role="img" aria-label={said.join(', ')}>
              {SHARE_KINDS.filter(k => shares[k] > 0).map(kind => (
                <span
                  key={kind}
                  title={`${KINDS[kind].title}: ${formatShare(shares[kind], 1)}`}
                  style={{ flex: shares[kind], background: KINDS[kind].color }}
                />
              ))}
            </span>
            <span className={classes.shareTime}>{formatMs(profile.kernelUs / 1000)}</span>
          </div>
        )
      })}
      <div className={classes.legend}>
        {SHARE_KINDS.map(kind => (
          <span key={kind}>
            <Swatch color={KINDS[kind].color} />
            {KINDS[kind].title}
            {sides.length > 0 &&
              ` ${sides.map(s => formatShare(timeShares(s.profile)[kind], 0)).join(' → ')}`}
          </span>
        ))}
      </div>
    </div>
  )
}

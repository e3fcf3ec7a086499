/** Bantam's mark: the same thing, smaller and smaller. */
export function Mark({ size = 18 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 18 18" aria-hidden focusable="false">
      <rect x="1" y="2" width="6.5" height="14" rx="2.4" fill="var(--bt-accent-strong)" />
      <rect x="9" y="7.2" width="4.6" height="8.8" rx="2" fill="var(--bt-accent)" />
      <rect x="15" y="11.6" width="2.6" height="4.4" rx="1.3" fill="var(--bt-teacher)" />
    </svg>
  )
}

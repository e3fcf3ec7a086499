import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from '@mantine/core'

/** Colour roles; the values for dark and light live in tokens.css. */
export const colors = {
  bg: 'var(--bt-bg)',
  panel: 'var(--bt-panel)',
  raised: 'var(--bt-raised)',
  hover: 'var(--bt-hover)',
  border: 'var(--bt-border)',
  borderStrong: 'var(--bt-border-strong)',
  text: 'var(--bt-text)',
  dim: 'var(--bt-dim)',
  faint: 'var(--bt-faint)',
  accent: 'var(--bt-accent)',
  accentSoft: 'var(--bt-accent-soft)',
  teacher: 'var(--bt-teacher)',
  variant: 'var(--bt-variant)',
  better: 'var(--bt-better)',
  worse: 'var(--bt-worse)',
  uncertain: 'var(--bt-uncertain)',
  betterSoft: 'var(--bt-better-soft)',
  worseSoft: 'var(--bt-worse-soft)',
  uncertainSoft: 'var(--bt-uncertain-soft)',
  band: 'var(--bt-band)',
  grid: 'var(--bt-grid)',
} as const

/** Eight hues for categories (operators, classes) that stay apart in both themes and for colour-blind eyes. */
export const categories = [
  '#6f8ef7',
  '#e0a126',
  '#2fb8a6',
  '#d56fb0',
  '#8fae3c',
  '#e4734a',
  '#59b4e8',
  '#9a86e8',
] as const

const iris: MantineColorsTuple = [
  '#efeffe',
  '#dedcfd',
  '#bcb9fb',
  '#a19dfb',
  '#8f8cff',
  '#7d78fa',
  '#655ff2',
  '#5a54e0',
  '#4b45c4',
  '#3b369e',
]
const slate: MantineColorsTuple = [
  '#e8ebf0',
  '#c5ccd6',
  '#98a2b1',
  '#7d8796',
  '#38404d',
  '#262c36',
  '#1a1e25',
  '#13161b',
  '#0d0f13',
  '#090b0e',
]

/** Mantine's theme: 13 px text, tight controls, small radii. Sizes are in rem so that zoom and large fonts work. */
export const theme = createTheme({
  primaryColor: 'iris',
  primaryShade: { light: 7, dark: 6 },
  colors: { iris, dark: slate },
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'JetBrains Mono', Menlo, monospace",
  fontSizes: { xs: '0.75rem', sm: '0.8125rem', md: '0.875rem', lg: '1rem', xl: '1.25rem' },
  lineHeights: { xs: '1.35', sm: '1.4', md: '1.45', lg: '1.5', xl: '1.4' },
  spacing: { xs: '0.375rem', sm: '0.625rem', md: '0.875rem', lg: '1.25rem', xl: '1.75rem' },
  radius: { xs: '3px', sm: '5px', md: '7px', lg: '10px', xl: '16px' },
  defaultRadius: 'sm',
  headings: {
    fontWeight: '620',
    sizes: {
      h1: { fontSize: '1.25rem', lineHeight: '1.3' },
      h2: { fontSize: '1rem', lineHeight: '1.35' },
      h3: { fontSize: '0.875rem', lineHeight: '1.4' },
      h4: { fontSize: '0.8125rem', lineHeight: '1.4' },
    },
  },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Button: { defaultProps: { size: 'xs' }, styles: { root: { fontWeight: 550 } } },
    ActionIcon: { defaultProps: { variant: 'subtle', color: 'gray', size: 'md' } },
    TextInput: { defaultProps: { size: 'xs' } },
    Textarea: { defaultProps: { size: 'xs' } },
    NumberInput: { defaultProps: { size: 'xs' } },
    Select: { defaultProps: { size: 'xs', comboboxProps: { shadow: 'md' } } },
    MultiSelect: { defaultProps: { size: 'xs' } },
    TagsInput: { defaultProps: { size: 'xs' } },
    SegmentedControl: { defaultProps: { size: 'xs' } },
    Switch: { defaultProps: { size: 'xs' } },
    Checkbox: { defaultProps: { size: 'xs' } },
    Slider: { defaultProps: { size: 'sm' } },
    Badge: {
      defaultProps: { size: 'sm', variant: 'light', radius: 'sm' },
      styles: { root: { textTransform: 'none' } },
    },
    Tooltip: { defaultProps: { openDelay: 350, withArrow: false, fz: 'xs', maw: 320, multiline: true } },
    Menu: {
      defaultProps: { shadow: 'md', width: 220 },
      styles: { item: { fontSize: '0.8125rem', padding: '6px 8px' } },
    },
    Modal: {
      defaultProps: { centered: true, transitionProps: { transition: 'fade', duration: 90 } },
      styles: {
        title: { fontWeight: 620, fontSize: '0.9375rem' },
        header: { background: colors.panel },
        content: {
          background: colors.panel,
          border: `1px solid ${colors.border}`,
          boxShadow: 'var(--bt-shadow)',
        },
      },
    },
    Drawer: {
      styles: {
        title: { fontWeight: 620, fontSize: '0.9375rem' },
        header: { background: colors.panel },
        content: { background: colors.panel, borderLeft: `1px solid ${colors.border}` },
      },
    },
    Notification: {
      styles: {
        root: {
          background: colors.raised,
          border: `1px solid ${colors.borderStrong}`,
          boxShadow: 'var(--bt-shadow)',
        },
        icon: { background: 'transparent' },
      },
    },
    Kbd: { defaultProps: { size: 'xs' } },
    Text: { defaultProps: { size: 'sm' } },
    Anchor: { defaultProps: { size: 'sm' } },
  },
})

/** Makes Mantine's own surfaces follow the tokens. */
export const cssVariables: CSSVariablesResolver = () => {
  const both = {
    '--mantine-color-body': colors.bg,
    '--mantine-color-text': colors.text,
    '--mantine-color-dimmed': colors.dim,
    '--mantine-color-default': colors.panel,
    '--mantine-color-default-hover': colors.hover,
    '--mantine-color-default-border': colors.border,
    '--mantine-color-placeholder': colors.faint,
    '--mantine-color-anchor': colors.accent,
    '--mantine-color-error': colors.worse,
  }
  return { variables: {}, light: both, dark: both }
}

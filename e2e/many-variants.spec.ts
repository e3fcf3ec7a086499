/** The chart with five hundred variants answers a click at once; over the fixtures, built as the product is. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { expect, type Page, test } from '@playwright/test'
import react from '@vitejs/plugin-react'
import { build } from 'vite'
import { root } from './launch'

const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
const CLICKS = 15
/** Milliseconds; the aim on an idle machine is 100. */
const LIMIT = 250
/** Pixels within which the chart takes the nearest point. */
const REACH = 23

let folder: string
test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-fixtures-'))
  await build({
    configFile: false,
    logLevel: 'error',
    root: join(root, 'renderer'),
    plugins: [react()],
    build: { outDir: folder, minify: true, rollupOptions: { input: join(root, 'renderer/fixtures.html') } },
  })
})
test.afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a click among 500 variants is drawn within a quarter of a second', async ({ page }) => {
  await page.route('http://fixtures.test/**', route => {
    const path = join(folder, new URL(route.request().url()).pathname)
    const contentType = TYPES[extname(path)] ?? 'application/octet-stream'
    return route.fulfill({ body: readFileSync(path), contentType })
  })
  await page.goto('http://fixtures.test/fixtures.html?variants=500')
  await expect(page.locator('[data-point]').nth(400)).toBeAttached()
  const times: number[] = []
  for (const { x, y } of await somePoints(page)) {
    await page.mouse.move(x, y)
    const painted = await nextPaintAfterClick(page)
    await page.mouse.click(x, y)
    times.push(await painted())
    // The ring around the selection is where the click was: what was painted is the answer to it.
    const ring = await page.locator('circle[r="9.5"]').boundingBox()
    expect(Math.hypot((ring?.x ?? 0) + 9.5 - x, (ring?.y ?? 0) + 9.5 - y)).toBeLessThan(REACH)
  }
  times.sort((a, b) => a - b)
  const [median = 0, worst = 0] = [times[times.length >> 1], times.at(-1)]
  console.log(
    `click to paint with 500 variants: median ${median.toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
  )
  expect(times).toHaveLength(CLICKS)
  expect(median).toBeLessThan(LIMIT)
})

/** Middles of points all over the chart. */
async function somePoints(page: Page): Promise<{ x: number; y: number }[]> {
  return page.evaluate(count => {
    const all = [...document.querySelectorAll('[data-point]')]
    return Array.from({ length: count }, (_, i) => {
      const mark = all[Math.floor((i * all.length) / count)]?.querySelector('circle, rect')
      const box = mark?.getBoundingClientRect() ?? new DOMRect()
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 }
    })
  }, CLICKS)
}

/** Waits for the next click; what it returns gives the milliseconds from that click to the frame after it. */
async function nextPaintAfterClick(page: Page): Promise<() => Promise<number>> {
  const handle = await page.evaluateHandle(() => {
    const time = new Promise<number>(resolve => {
      addEventListener(
        'click',
        event =>
          requestAnimationFrame(() => {
            // A message posted in a frame arrives after that frame is painted.
            const { port1, port2 } = new MessageChannel()
            port1.onmessage = () => resolve(performance.now() - event.timeStamp)
            port2.postMessage(0)
          }),
        { once: true, capture: true },
      )
    })
    return { time }
  })
  return () => handle.evaluate(({ time }) => time)
}

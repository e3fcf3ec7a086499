// Makes the pictures of the README from the built workbench: the sample study, light and dark. Latencies in them are
// those of this machine: make them where nothing else runs. `node scripts/make-pictures.mjs [WORKSPACE]` keeps the
// workspace, so that a second run needs not measure again.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright'
import sharp from 'sharp'
import { buildIfStale, findChromium, root } from './setup.mjs'

const SIZE = { width: 1280, height: 800 }
const MOST_BYTES = 300_000
const WAIT = { timeout: 900_000 }

const given = process.argv[2]
const workspace = given ?? mkdtempSync(join(tmpdir(), 'bantam-pictures-'))
buildIfStale()
const host = spawn(
  process.execPath,
  [join(root, 'out/main/host.js'), '--port', '0', '--workspace', workspace],
  { stdio: ['ignore', 'pipe', 'inherit'] },
)
const browser = await chromium.launch({ executablePath: findChromium(), args: ['--no-sandbox'] })
try {
  const page = await browser.newPage({ viewport: SIZE })
  await page.goto(await address(host))
  await page.getByRole('treeitem', { name: /^Teacher/ }).waitFor()
  await page.getByRole('treeitem', { name: /^Student/ }).waitFor(WAIT)
  await page.getByRole('button', { name: 'Jobs', exact: true }).waitFor(WAIT)
  const hint = page.getByRole('button', { name: 'Dismiss the first steps' })
  if (await hint.count()) await hint.click()
  await picture(page, 'workbench', async () => {
    await page.getByRole('treeitem', { name: /^Student/ }).click()
    await page.getByRole('tab', { name: 'Overview' }).click()
  })
  await picture(page, 'training', async () => {
    await page.getByRole('tab', { name: 'Training' }).click()
    // The curves rather than the chart above them.
    const splitter = page.getByRole('separator', { name: 'Height of the chart' })
    await splitter.focus()
    for (let i = 0; i < 40; i++) await page.keyboard.press('ArrowUp')
    await page.getByLabel('Loss over epochs').waitFor()
    await page.getByRole('radiogroup', { name: 'Scale of the loss' }).getByText('Log').click()
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur())
  })
} finally {
  await browser.close()
  host.kill()
  if (!given) rmSync(workspace, { recursive: true, force: true })
}

/** One picture in both themes, without what comes and goes. */
async function picture(page, name, arrange) {
  await arrange()
  for (const theme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: theme })
    await page.mouse.move(0, 0)
    await page.waitForTimeout(2000)
    for (const close of await page.locator('.mantine-Notification-closeButton').all()) await close.click()
    await page.waitForTimeout(500)
    const path = join(root, 'docs/images', `${name}-${theme}.png`)
    await sharp(await page.screenshot())
      .png({ compressionLevel: 9, palette: true })
      .toFile(path)
    const { size } = statSync(path)
    if (size > MOST_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MOST_BYTES}`)
    console.log(`${path}: ${Math.round(size / 1000)} kB`)
  }
}

function address(child) {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', chunk => {
      text += String(chunk)
      const match = /Bantam is at (\S+)/.exec(text)
      if (match) resolve(match[1])
    })
    child.once('exit', code => reject(new Error(`The host ended with exit code ${code}: ${text}`)))
  })
}

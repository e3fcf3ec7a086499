/** The main job, in a browser over the host and in the desktop shell: one set of specs for both. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, type Page, test } from '@playwright/test'
import { openSession } from '../main/runtime/session'
import { launchApp, launchHost } from './launch'
import { makeOwnFiles, type OwnFiles } from './own-data'
import { dropFile, jobsDone, listen, variantRow } from './workbench'

interface Shell {
  page: Page
  /** Chooses a file or folder in the open import dialog. */
  choose(path: string, what: 'model' | 'data'): Promise<void>
  /** Does `click`, which saves a file, and answers with the file's path. */
  saved(click: () => Promise<void>): Promise<string>
  close(): Promise<void>
}

let own: OwnFiles
test.beforeAll(async () => {
  own = await makeOwnFiles(400)
})
test.afterAll(() => own.remove())

const shells = { host: hostShell, desktop: desktopShell }
for (const [name, open] of Object.entries(shells)) {
  test.describe(name, () => {
    test.describe.configure({ mode: 'serial' })
    let shell: Shell
    let complaints: string[]
    test.beforeAll(async ({ browser }) => {
      shell = await open(await browser.newPage())
      complaints = listen(shell.page)
    })
    test.afterAll(async () => shell?.close())

    test('the first start shows a sample study that fills with measured variants', async () => {
      const { page } = shell
      await expect(variantRow(page, /^Teacher/)).toBeVisible()
      await expect(variantRow(page, /^Static int8/)).toBeVisible({ timeout: 90_000 })
      await jobsDone(page)
      await variantRow(page, /^Static int8/).click()
      await expect(page.getByText(/smaller.*on 3,000 samples/i)).toBeVisible()
      await page.getByRole('tab', { name: 'Predictions' }).click()
      await page.getByText(/^All/).click()
      await expect(page.locator('img').first()).toBeVisible()
      await page.getByRole('tab', { name: 'Speed' }).click()
      await expect(page.getByText(/8-bit kernels/).first()).toBeVisible()
    })

    test('one’s own model and data: imported, quantized, compared, exported, run', async () => {
      const { page } = shell
      await page.getByRole('button', { name: 'Model', exact: true }).click()
      await shell.choose(own.model, 'model')
      await page.getByLabel('Name of the study').fill('My reader')
      await page.getByRole('button', { name: 'Import', exact: true }).click()
      await expect(variantRow(page, /^(Teacher|reader)/i)).toBeVisible({ timeout: 30_000 })

      await page.getByRole('button', { name: 'Data', exact: true }).click()
      await shell.choose(own.pictures, 'data')
      await expect(page.getByText('What the model sees').first()).toBeVisible({ timeout: 30_000 })
      await page.getByRole('button', { name: 'Import 400 samples' }).click()
      await expect(page.getByText(/^400 samples ·/)).toBeVisible({ timeout: 60_000 })
      await jobsDone(page)

      await page.getByRole('button', { name: 'New variant' }).click()
      await page.getByText('Static int8').first().click()
      await page.getByRole('textbox', { name: 'Name' }).fill('Small reader')
      await page.getByRole('button', { name: 'Start', exact: true }).click()
      await expect(variantRow(page, /^Small reader/)).toBeVisible({ timeout: 120_000 })
      await jobsDone(page)
      await variantRow(page, /^Small reader/).click()
      await page.getByRole('tab', { name: 'Overview' }).click()
      await expect(page.getByText(/3\.\d× smaller.*on \d+ samples/)).toBeVisible()
      await expect(page.getByText(/Loads and runs in stock ONNX Runtime/)).toBeVisible()

      await page.getByRole('tab', { name: 'Export' }).click()
      const file = await shell.saved(() => page.getByRole('button', { name: 'Save: ONNX model' }).click())
      const session = await openSession(readFileSync(file))
      const feeds = {
        input: { type: 'float32' as const, dims: [2, 1, 28, 28], data: new Float32Array(1568) },
      }
      const { logits } = await session.run(feeds)
      expect(logits?.dims).toEqual([2, 10])
      await session.close()
      const report = await shell.saved(() => page.getByRole('button', { name: 'Make: Report' }).click())
      expect(readFileSync(report, 'utf8')).toContain('Small reader')
    })

    test('half a model says what is wrong with it and leaves nothing behind', async () => {
      const { page } = shell
      const before = await page.getByRole('treeitem').count()
      await page.getByRole('button', { name: 'Model', exact: true }).click()
      await shell.choose(own.broken, 'model')
      await page.getByLabel('This study, as a variant').check()
      await page.getByRole('button', { name: 'Import', exact: true }).click()
      await expect(
        page.getByText(/it is damaged: a field of \d+ bytes runs past its end/).first(),
      ).toBeVisible({
        timeout: 30_000,
      })
      await page.keyboard.press('Escape')
      expect(await page.getByRole('treeitem').count()).toBe(before)
    })

    test('the page complained of nothing', () => {
      expect(complaints).toEqual([])
    })
  })
}

async function hostShell(page: Page): Promise<Shell> {
  const host = await launchHost()
  await page.goto(host.url)
  return {
    page,
    async choose(path, what) {
      await page.getByLabel('Path on this machine').fill(path)
      await page.getByRole('button', { name: 'Open', exact: true }).click()
      if (what === 'data') await expect(page.getByText('Looking at the file')).toBeHidden()
    },
    async saved(click) {
      const [download] = await Promise.all([page.waitForEvent('download', { timeout: 60_000 }), click()])
      return await download.path()
    },
    async close() {
      await page.close()
      await host.close()
    },
  }
}

async function desktopShell(unused: Page): Promise<Shell> {
  await unused.close()
  const app = await launchApp()
  const page = await app.firstWindow()
  await page.waitForFunction(() => window.desktop !== undefined)
  let count = 0
  return {
    page,
    async choose(path, what) {
      await app.evaluate(({ dialog }, chosen) => {
        dialog.showOpenDialog = async () => ({ canceled: false, filePaths: [chosen] })
      }, path)
      await page.getByRole('button', { name: what === 'data' ? 'Choose a folder…' : 'Choose files…' }).click()
    },
    async saved(click) {
      const target = join(app.workspace, `saved-${count++}`)
      await app.evaluate(({ dialog }, filePath) => {
        dialog.showSaveDialog = async () => ({ canceled: false, filePath })
      }, target)
      await click()
      await expect.poll(() => readSize(target), { timeout: 60_000 }).toBeGreaterThan(0)
      return target
    },
    close: () => app.close(),
  }
}

function readSize(path: string): number {
  try {
    return readFileSync(path).length
  } catch {
    return 0
  }
}

test('host: a model is dropped on the window', async ({ page }) => {
  const host = await launchHost({ sample: false })
  try {
    await page.goto(host.url)
    await expect(page.getByRole('button', { name: 'Model', exact: true })).toBeVisible()
    await dropFile(page, own.model)
    await page.getByRole('button', { name: 'Import', exact: true }).click()
    await expect(page.getByRole('treeitem')).toHaveCount(1, { timeout: 30_000 })
  } finally {
    await host.close()
  }
})

test('host: killed in the middle of a job, it starts again whole', async ({ page }) => {
  const first = await launchHost()
  await page.goto(first.url)
  await expect(variantRow(page, /^Teacher/)).toBeVisible()
  first.process.kill('SIGKILL')
  await expect(page.getByText(/connection/i).first()).toBeVisible()
  const second = await launchHost({ workspace: first.workspace })
  try {
    await page.goto(second.url)
    await expect(variantRow(page, /^Teacher/)).toBeVisible()
    // What ran when it was killed is taken up again: the data arrive, and with them the variant calibrated on them.
    await expect(variantRow(page, /^Static int8/)).toBeVisible({ timeout: 120_000 })
  } finally {
    await second.close()
  }
})

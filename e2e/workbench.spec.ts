/** The main job, in a browser over the host and in the desktop shell: one set of specs for both. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, type Page, test } from '@playwright/test'
import { openSession } from '../main/runtime/session'
import { launchApp, launchHost } from './launch'
import { makeOwnFiles, type OwnFiles, SMALL, TEACHER } from './own-data'
import { finishImport, jobsDone, listen, openPath, variantRow } from './workbench'

interface Shell {
  page: Page
  /** Chooses a file or folder in the open import dialog. */
  choose(path: string, what: 'model' | 'data'): Promise<void>
  /** Does `click`, which saves a file, and answers with the file's path. */
  saved(click: () => Promise<void>): Promise<string>
  close(): Promise<void>
}

/** The teacher is as large as a model must be for its size in 8 bits to be seen; the small one does what it does again. */
const shells = {
  host: { open: hostShell, reader: TEACHER, smaller: /3\.\d× smaller.*on \d+ samples/ },
  desktop: { open: desktopShell, reader: SMALL, smaller: /[23]\.\d× smaller.*on \d+ samples/ },
}
for (const [name, { open, reader, smaller }] of Object.entries(shells)) {
  test.describe(name, () => {
    test.describe.configure({ mode: 'serial' })
    let own: OwnFiles
    let shell: Shell
    let complaints: string[]
    test.beforeAll(async ({ browser }) => {
      own = await makeOwnFiles(400, reader)
      shell = await open(await browser.newPage())
      complaints = listen(shell.page)
    })
    test.afterAll(async () => {
      await shell?.close()
      own?.remove()
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
      await finishImport(page, 400)
      await jobsDone(page)

      await page.getByRole('button', { name: 'New variant' }).click()
      await page.getByText('Static int8').first().click()
      await page.getByRole('textbox', { name: 'Name' }).fill('Small reader')
      await page.getByRole('button', { name: 'Start', exact: true }).click()
      await expect(variantRow(page, /^Small reader/)).toBeVisible({ timeout: 120_000 })
      await jobsDone(page)
      await variantRow(page, /^Small reader/).click()
      await page.getByRole('tab', { name: 'Overview' }).click()
      await expect(page.getByText(smaller)).toBeVisible()
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
      await expect(page.getByRole('treeitem')).toHaveCount(before)
    })

    test('the page complained of nothing', () => {
      expect(complaints).toEqual([])
    })
  })
}

async function hostShell(page: Page): Promise<Shell> {
  const host = await launchHost({ sample: false })
  await page.goto(host.url)
  return {
    page,
    async choose(path, what) {
      await openPath(page, path)
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
  const app = await launchApp({ sample: false })
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

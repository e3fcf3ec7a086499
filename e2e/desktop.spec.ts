/** The desktop shell: what the page can and cannot do, and what the desktop does for it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, type Page, test } from '@playwright/test'
import { launchApp, root } from './launch'
import { variantRow } from './workbench'

let app: Awaited<ReturnType<typeof launchApp>>
let page: Page
let folder: string

test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-desktop-'))
  app = await launchApp({ sample: false })
  page = await app.firstWindow()
  await page.waitForFunction(() => window.desktop !== undefined)
})

test.afterAll(async () => {
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

test('the page has the bridge and nothing of Node', async () => {
  const seen = await page.evaluate(() => ({
    kind: window.desktop?.kind,
    members: Object.keys(window.desktop ?? {}).sort(),
    process: typeof Reflect.get(globalThis, 'process'),
    require: typeof Reflect.get(globalThis, 'require'),
  }))
  expect(seen).toEqual({
    kind: 'electron',
    members: ['drop', 'kind', 'open', 'save'],
    process: 'undefined',
    require: 'undefined',
  })
})

test('the page is served with the policy, and no path leads out of it', async () => {
  const answers = await page.evaluate(async () => {
    const get = async (path: string) => {
      const answer = await fetch(path)
      return { status: answer.status, policy: answer.headers.get('content-security-policy') ?? '' }
    }
    return { index: await get('/index.html'), outside: await get('/..%2f..%2fpackage.json') }
  })
  expect(answers.index.status).toBe(200)
  expect(answers.index.policy).toContain("default-src 'none'; script-src 'self';")
  expect(answers.outside.status).toBe(404)
  const evaluated = await page.evaluate(() => {
    const script = document.createElement('script')
    script.textContent = 'window.injected = true'
    document.head.append(script)
    return Reflect.get(window, 'injected')
  })
  expect(evaluated).toBeUndefined()
})

test('it goes nowhere and opens nothing', async () => {
  const before = page.url()
  await page.evaluate(() => void window.open('https://example.com/'))
  // After the answer: a page that began to leave could not give one.
  await page.evaluate(() => {
    setTimeout(() => {
      window.location.href = 'https://example.com/'
    })
  })
  // Nothing tells that nothing happens: it gets the time in which a page would be gone.
  await page.waitForTimeout(500)
  await expect(page.locator('#root > *').first()).toBeAttached()
  expect(page.url()).toBe(before)
  expect(app.windows()).toHaveLength(1)
  expect(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1)
})

test('a dialog grants a file; a file nobody chose is not granted', async () => {
  const model = join(root, 'samples/digits-teacher.onnx')
  await app.evaluate(({ dialog }, path) => {
    dialog.showOpenDialog = async () => ({ canceled: false, filePaths: [path] })
  }, model)
  const grant = await page.evaluate(() => window.desktop?.open('model'))
  expect(grant).toMatchObject({ name: 'digits-teacher.onnx', isDirectory: false })
  expect(Object.keys(grant ?? {})).not.toContain('path')
  await app.evaluate(({ dialog }) => {
    dialog.showOpenDialog = async () => ({ canceled: true, filePaths: [] })
  })
  expect(await page.evaluate(() => window.desktop?.open('data'))).toBeNull()
  const refused = page.evaluate(() => window.desktop?.open('../etc' as 'model'))
  await expect(refused).rejects.toThrow(/Invalid option/)
})

test('dropped files are granted by their own paths', async () => {
  const path = join(folder, 'dropped.csv')
  writeFileSync(path, 'x,y\n1,2\n')
  await app.namePaths([path])
  test.skip(app.kind === 'electron', 'a file made in the page has no path there')
  const grants = await page.evaluate(() =>
    window.desktop?.drop([new File(['x'], 'dropped.csv'), new File(['x'], 'made-up.csv')]),
  )
  expect(grants).toEqual([expect.objectContaining({ name: 'dropped.csv', bytes: 8 })])
})

test('saving writes the artifact whole under the chosen name', async () => {
  const target = join(folder, 'saved.onnx')
  await app.evaluate(({ dialog }, path) => {
    dialog.showSaveDialog = async () => ({ canceled: false, filePath: path })
  }, target)
  const missing = page.evaluate(() =>
    window.desktop?.save({ id: 'none', name: 'x', bytes: 1, mime: 'text/plain' }),
  )
  await expect(missing).rejects.toThrow(/The file is no longer there\./)
  expect(existsSync(target)).toBe(false)
})

test('the menu speaks to the screen by the ids of its actions', async () => {
  await page.evaluate(() => {
    window.addEventListener('message', event => {
      if (event.data?.type === 'desktop:action') document.body.dataset.heard = event.data.id
    })
  })
  const labels = await app.evaluate(({ Menu }) => {
    const file = Menu.getApplicationMenu()?.items.find(item => item.label === '&File')
    const items = (file?.submenu as unknown as { items?: unknown[] })?.items ?? file?.submenu ?? []
    const [first] = items as unknown as { label: string; click(): void }[]
    first?.click()
    return first?.label
  })
  expect(labels).toBe('Import Model…')
  await expect(page.locator('body')).toHaveAttribute('data-heard', 'import-model')
})

test('closing in the middle of a job ends the processes, gives the workspace back and says nothing', async () => {
  const other = await launchApp()
  const window = await other.firstWindow()
  await expect(variantRow(window, /^Teacher/)).toBeVisible({ timeout: 60_000 })
  const lock = join(other.workspace, 'lock')
  expect(JSON.parse(readFileSync(lock, 'utf8')).pid).toBe(other.pid)
  const offspring = children(other.pid)
  if (process.platform === 'linux') expect(offspring.length).toBeGreaterThanOrEqual(2) // the job, the warm process
  await other.quit()
  expect(existsSync(lock)).toBe(false)
  await expect.poll(() => offspring.filter(lives)).toEqual([])
  expect(other.errors()).not.toMatch(/error|unhandled|rejection/i)
  await other.close()
})

/** Processes a process has started (Linux). */
function children(pid: number | undefined): number[] {
  if (process.platform !== 'linux') return []
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

/** Whether a process runs; one that ended and waits to be collected does not. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

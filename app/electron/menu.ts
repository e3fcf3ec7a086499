/** The application's menu. What concerns the screen is sent to it as the id of one of its own actions. */
import { app, Menu, type MenuItemConstructorOptions, shell } from 'electron'
import type { DesktopMessage } from '../../shared/desktop'

const HOMEPAGE = 'https://onnxruntime.ai/docs/'

export function setMenu(tell: (message: DesktopMessage) => void): void {
  const action = (label: string, id: string, accelerator: string): MenuItemConstructorOptions => ({
    label,
    accelerator,
    click: () => tell({ type: 'desktop:action', id }),
  })
  const template: MenuItemConstructorOptions[] = [
    ...(process.platform === 'darwin' ? [{ role: 'appMenu' } as const] : []),
    {
      label: '&File',
      submenu: [
        action('Import Model…', 'import-model', 'CmdOrCtrl+O'),
        action('Import Data…', 'import-data', 'CmdOrCtrl+Shift+O'),
        action('New Study…', 'new-study', 'CmdOrCtrl+N'),
        { type: 'separator' },
        action('Write a Report', 'report', 'CmdOrCtrl+Shift+R'),
        { type: 'separator' },
        process.platform === 'darwin' ? { role: 'close' } : { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    {
      label: '&View',
      submenu: [
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        { type: 'separator' },
        { role: 'togglefullscreen' },
        ...(app.isPackaged ? [] : [{ role: 'toggleDevTools' } as const, { role: 'forceReload' } as const]),
      ],
    },
    { role: 'windowMenu' },
    {
      role: 'help',
      submenu: [{ label: 'ONNX Runtime Documentation', click: () => void shell.openExternal(HOMEPAGE) }],
    },
  ]
  Menu.setApplicationMenu(Menu.buildFromTemplate(template))
}

/** The only code that sees both the page and Electron. It passes on files, dialogs and one message port. */
import { contextBridge, ipcRenderer, webUtils } from 'electron'
import type { DesktopBridge, DesktopMessage } from '../../shared/desktop'

// A MessagePort cannot cross the bridge; the page hands it over with `window.postMessage`.
window.addEventListener('message', event => {
  if (event.source === window && event.data === 'rpc:connect' && event.ports[0]) {
    ipcRenderer.postMessage('rpc:connect', null, [event.ports[0]])
  }
})

ipcRenderer.on('desktop:message', (_event, message: DesktopMessage) => {
  window.postMessage(message, window.location.origin)
})

const bridge: DesktopBridge = {
  kind: 'electron',
  open: what => ipcRenderer.invoke('desktop:open', what),
  drop: files =>
    ipcRenderer.invoke('desktop:drop', files.map(file => webUtils.getPathForFile(file)).filter(Boolean)),
  save: artifact => ipcRenderer.invoke('desktop:save', artifact.id),
}
contextBridge.exposeInMainWorld('desktop', bridge)

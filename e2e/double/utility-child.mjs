// Gives the process `parentPort`, then becomes the module it was started for. Messages that come before the module
// listens wait, as they do in the real one.
import { EventEmitter } from 'node:events'
import { pathToFileURL } from 'node:url'

const waiting = []
const port = new EventEmitter()
const deliver = message => port.emit('message', { data: message.data, ports: [] })
port.postMessage = message => process.send(message)
port.start = () => {}
port.on('newListener', event => {
  if (event === 'message') setImmediate(() => waiting.splice(0).forEach(deliver))
})
process.parentPort = port
process.on('message', message => {
  if (port.listenerCount('message') > 0 && waiting.length === 0) deliver(message)
  else waiting.push(message)
})
process.argv.splice(1, 1)
await import(pathToFileURL(process.argv[1]).href)

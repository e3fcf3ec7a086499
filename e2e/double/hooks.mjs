// Maps `electron` to the double. `module.register` needs it in a file of its own.
const url = new URL('./electron.mjs', import.meta.url).href

export function resolve(specifier, context, next) {
  const isElectron = specifier === 'electron' || specifier.startsWith('electron/')
  return isElectron ? { url, shortCircuit: true } : next(specifier, context)
}

import { afterAll } from 'vitest'

// The next file goes on in the same page.
afterAll(() => {
  document.body.replaceChildren()
  localStorage.clear()
})

// What Mantine and the charts ask of a browser and jsdom lacks.
window.matchMedia ??= ((media: string) => ({
  matches: false,
  media,
  addListener() {},
  removeListener() {},
  addEventListener() {},
  removeEventListener() {},
  dispatchEvent: () => false,
  onchange: null,
})) as typeof window.matchMedia
globalThis.ResizeObserver ??= class {
  observe() {}
  unobserve() {}
  disconnect() {}
}
Element.prototype.scrollIntoView ??= () => {}

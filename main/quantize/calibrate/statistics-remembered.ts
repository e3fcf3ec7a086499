/** Statistics read from where they are kept once, for what plans again and again. */
import { memoryStore, type StatisticsStore } from './statistics'

/** The store, and the last `limit` statistics of it in memory. */
export function remembered(store: StatisticsStore, limit?: number): StatisticsStore {
  const memory = memoryStore(limit)
  return {
    async get(key) {
      const own = await memory.get(key)
      if (own) return own
      const found = await store.get(key)
      if (found) await memory.put(key, found)
      return found
    },
    async put(key, statistics) {
      await memory.put(key, statistics)
      await store.put(key, statistics)
    },
  }
}

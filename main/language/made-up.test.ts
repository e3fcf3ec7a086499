import { expect, test } from 'vitest'
import type { TensorInfo } from '../../shared/domain'
import { makeFeeds } from '../measure/inputs'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import { tinyLanguageModel } from './testing'

test('made-up inputs of a model with caches fit each other: it runs', async () => {
  const session = await openSession(serialize(tinyLanguageModel({ cache: true, context: 128 })), {
    threads: 1,
  })
  try {
    const feeds = makeFeeds(session.inputs, 2)
    expect(feeds.attention_mask).toMatchObject({ dims: [2, 128] })
    expect(new Set(feeds.attention_mask?.data as BigInt64Array)).toEqual(new Set([1n]))
    expect(feeds['past_key_values.0.key']).toMatchObject({ dims: [2, 2, 0, 8] })
    const { logits, ...present } = await session.run(feeds)
    expect(logits?.dims).toEqual([2, 128, 24])
    expect(present['present.0.key']?.dims).toEqual([2, 2, 128, 8])
  } finally {
    await session.close()
  }
})

test('positions stay within the table where its size is known', () => {
  const input = (name: string, rows?: number): TensorInfo => ({
    name,
    type: 'int64',
    shape: ['batch', 'sequence'],
    ...(rows ? { rows } : {}),
  })
  const feeds = makeFeeds([input('input_ids'), input('position_ids', 50)], 1)
  const places = Array.from(feeds.position_ids?.data as BigInt64Array, Number)
  expect(places.slice(48, 52)).toEqual([48, 49, 0, 1])
})

import type { Variant } from '../../../shared/domain'
import type { Client } from '../client'
import type { Filter } from './change-summary'

/** One page of samples of a variant against a reference. */
export function ask(
  client: Client,
  variant: Variant,
  reference: Variant,
  filter: Filter,
  offset: number,
  limit: number,
) {
  return client.variants.predictions({ id: variant.id, reference: reference.id, filter, offset, limit })
}

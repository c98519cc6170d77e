import { NO_TOKENS, type TokenBuckets } from '@llm-gateway/shared';
import { z } from 'zod';
import type { Warnings } from './parameters.js';

/** A count in a vendor's usage. Nonsense counts as absent: an answer that is paid for is not thrown away over its bookkeeping. */
export const tokenCount = z.int().nonnegative().max(1_000_000_000).nullish().catch(undefined);

/** @returns the buckets, or none with a warning. */
export function bucketsOr(warnings: Warnings, buckets: TokenBuckets | undefined): TokenBuckets {
  if (buckets && Object.values(buckets).some((count) => count > 0)) return buckets;
  warnings.add('the provider reported no token usage');
  return NO_TOKENS;
}

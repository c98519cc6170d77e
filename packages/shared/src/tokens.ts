import { z } from 'zod';

const count = z.number().int().nonnegative();

/**
 * What one provider call used, in disjoint buckets: a token is in exactly one of them, except that `reasoning` is a part
 * of `output`. Vendors differ in what their numbers include; each adapter normalises to this.
 */
export const tokenBuckets = z.object({
  uncachedInput: count,
  cacheRead: count,
  /** Written to the vendor's 5-minute (or only) prompt cache. */
  cacheWrite: count,
  /** Written to the vendor's 1-hour prompt cache, which costs more. */
  cacheWrite1h: count,
  output: count,
  reasoning: count,
});
export type TokenBuckets = z.infer<typeof tokenBuckets>;

export const NO_TOKENS: TokenBuckets = {
  uncachedInput: 0,
  cacheRead: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  output: 0,
  reasoning: 0,
};

/** The whole input, as callers see it. */
export const inputTokens = (t: TokenBuckets): number => t.uncachedInput + t.cacheRead + t.cacheWrite + t.cacheWrite1h;

/** About four bytes of UTF-8 to a token: OpenAI's rule of thumb. Good enough for limits; never used for a price without `estimated`. */
export const estimateTokens = (text: string): number => Math.ceil(Buffer.byteLength(text) / 4);

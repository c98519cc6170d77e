/** Token usage of OpenAI's chat completions and of those who imitate it, each a little differently. */
import type { TokenBuckets } from '@llm-gateway/shared';
import { z } from 'zod';
import { tokenCount } from './usage.js';

export const chatUsage = z
  .object({
    prompt_tokens: tokenCount,
    completion_tokens: tokenCount,
    total_tokens: tokenCount,
    prompt_tokens_details: z.object({ cached_tokens: tokenCount, cache_write_tokens: tokenCount }).nullish().catch(undefined),
    completion_tokens_details: z.object({ reasoning_tokens: tokenCount }).nullish().catch(undefined),
    /** DeepSeek. */
    prompt_cache_hit_tokens: tokenCount,
    /** Moonshot, Together. */
    cached_tokens: tokenCount,
  })
  .nullish()
  .catch(undefined);

/** Prompt tokens include the cached ones; completion tokens include reasoning, except at xAI, where only the total does. */
export function chatBuckets(usage: z.infer<typeof chatUsage>): TokenBuckets | undefined {
  if (!usage) return undefined;
  const prompt = usage.prompt_tokens ?? 0;
  const completion = usage.completion_tokens ?? outputFromTotal(usage.total_tokens, prompt);
  // An answer without its output counted has no usage that could be priced.
  if (completion === undefined) return undefined;
  const reasoning = usage.completion_tokens_details?.reasoning_tokens ?? 0;
  const cached = usage.prompt_tokens_details?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.cached_tokens ?? 0;
  const cacheRead = Math.min(prompt, cached);
  const cacheWrite = Math.min(prompt - cacheRead, usage.prompt_tokens_details?.cache_write_tokens ?? 0);
  const reasoningIsExtra = reasoning > 0 && usage.total_tokens === prompt + completion + reasoning;
  const output = reasoningIsExtra ? completion + reasoning : completion;
  return {
    uncachedInput: prompt - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    cacheWrite1h: 0,
    output,
    reasoning: Math.min(reasoning, output),
  };
}

const outputFromTotal = (total: number | null | undefined, prompt: number): number | undefined =>
  total === null || total === undefined || total < prompt ? undefined : total - prompt;

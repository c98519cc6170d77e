import { priceCall } from '@llm-gateway/providers';
import { NO_TOKENS, type Candidate, type ConfigSnapshot, type GenerateRequest, type NanoUsd } from '@llm-gateway/shared';
import { estimateInput } from '../attempt/attempt-row.js';

/** What an answer is taken to be long where the request sets no `max_tokens`: longer than most, shorter than the longest. */
const USUAL_OUTPUT_TOKENS = 1_024;

/**
 * What one call of this request may cost: its input as estimated, `max_tokens` of output, at the dearest of its candidates.
 * @returns null where no candidate has a known price.
 */
export function estimateCost(
  { providers }: Pick<ConfigSnapshot, 'providers'>,
  candidates: readonly Candidate[],
  request: GenerateRequest,
): NanoUsd | null {
  const output = request.max_tokens ?? USUAL_OUTPUT_TOKENS;
  const tokens = { ...NO_TOKENS, uncachedInput: Math.max(1, estimateInput(request)), output };
  const costs = candidates.flatMap(({ provider, type, model }) => {
    const config = providers.find((row) => row.name === provider);
    const { baseUrl = null, pricing = null } = config ?? {};
    return priceCall({ type, baseUrl, model, tokens, at: new Date(), pricing }).costNanoUsd ?? [];
  });
  return costs.length === 0 ? null : Math.max(...costs);
}

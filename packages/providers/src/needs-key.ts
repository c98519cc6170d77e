import type { ProviderType } from '@llm-gateway/shared';
import { effectiveBaseUrl } from './base-url.js';

/**
 * Whether a provider can never work without an API key. The vendors' own APIs ask for one wherever they are reached: a proxy
 * that wants none takes any text as key. A `custom` server may want none, nor may a Llama that is not at Together AI.
 */
export function needsKey(type: ProviderType, baseUrl: string | null): boolean {
  if (type === 'custom') return false;
  return type !== 'llama' || effectiveBaseUrl(type, baseUrl) === effectiveBaseUrl(type, null);
}

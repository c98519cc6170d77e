import { readAllowance, type Allowance } from '@llm-gateway/queue';
import type { GenerateDeps } from './deps.js';

/** `X-RateLimit-*` of the provider that answered, named as OpenAI names its own. Empty, and free, where it has no limits a minute. */
export async function rateLimitHeaders(
  { config, redis, pulse }: Pick<GenerateDeps, 'config' | 'redis' | 'pulse'>,
  provider: string,
): Promise<Record<string, string>> {
  const limits = config.current().providers.find((row) => row.name === provider);
  if (!pulse.canRead || !limits || (limits.rpmLimit === null && limits.tpmLimit === null)) return {};
  // An answer is not held up, or lost, for its headers.
  const allowance = await readAllowance(redis, provider).catch(() => ({ requests: null, tokens: null }));
  return { ...headersOf('Requests', allowance.requests), ...headersOf('Tokens', allowance.tokens) };
}

function headersOf(what: string, allowance: Allowance | null): Record<string, string> {
  if (!allowance) return {};
  const resetSeconds = Math.max(0, Math.ceil((allowance.resetsAt - Date.now()) / 1_000));
  return {
    [`X-RateLimit-Limit-${what}`]: String(allowance.limit),
    [`X-RateLimit-Remaining-${what}`]: String(allowance.remaining),
    [`X-RateLimit-Reset-${what}`]: `${resetSeconds}s`,
  };
}

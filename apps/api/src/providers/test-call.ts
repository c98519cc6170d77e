import { providerClient } from '@llm-gateway/engine';
import { ProviderError, type ProviderConfig } from '@llm-gateway/shared';
import { z } from 'zod';
import type { Deps } from '../deps.js';

const TIMEOUT_MS = 10_000;
const UNREADABLE_KEY = 'auth: the stored key cannot be read with the configured ENCRYPTION_KEYS: enter it again';

export const testAnswer = z.object({
  ok: z.boolean(),
  latency_ms: z.int(),
  model: z.string().describe('The model that answered, or was asked.'),
  error: z.string().optional().describe('What went wrong, in the words of the vendor, without secrets.'),
});
export type TestAnswer = z.infer<typeof testAnswer>;

/** A real call for one token, past queue and limits: does this provider, with this key, answer? Never throws for what the provider does. */
export async function testProvider(
  { encryptionKeys, egress }: Pick<Deps, 'encryptionKeys' | 'egress'>,
  row: ProviderConfig,
): Promise<TestAnswer> {
  const startedAt = performance.now();
  const latency = (): number => Math.round(performance.now() - startedAt);
  try {
    const client = providerClient(row, { encryptionKeys, egressAllow: egress });
    const call = {
      model: row.defaultModel,
      messages: [{ role: 'user' as const, content: 'ping' }],
      maxTokens: 1,
      timeoutMs: TIMEOUT_MS,
    };
    const answer = await client.generate(call, new AbortController().signal);
    return { ok: true, latency_ms: latency(), model: answer.servedModel };
  } catch (error) {
    const problem = error instanceof ProviderError ? `${error.fault}: ${error.message}` : UNREADABLE_KEY;
    return { ok: false, latency_ms: latency(), model: row.defaultModel, error: problem };
  }
}

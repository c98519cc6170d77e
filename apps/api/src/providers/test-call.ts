import { providerClient } from '@llm-gateway/engine';
import type { Provider } from '@llm-gateway/providers';
import { ProviderError, type ProviderConfig, type ProviderFault } from '@llm-gateway/shared';
import { z } from 'zod';
import type { Deps } from '../deps.js';

const TIMEOUT_MS = 10_000;
const UNREADABLE_KEY = 'the stored key cannot be read with the configured ENCRYPTION_KEYS: enter it again';

export const testAnswer = z.object({
  ok: z.boolean(),
  latency_ms: z.int(),
  model: z.string().describe('The model that answered, or was asked.'),
  error: z.string().optional().describe('What went wrong, in the words of the vendor, without secrets.'),
});
export type TestAnswer = z.infer<typeof testAnswer>;

/** What came of a call for one token. */
export type Trial = { latencyMs: number; model: string } & ({ ok: true } | { ok: false; fault: ProviderFault; message: string });

/** Does this provider, with its stored key, answer? Never throws for what the provider does. */
export async function testProvider(
  { encryptionKeys, egress }: Pick<Deps, 'encryptionKeys' | 'egress'>,
  row: ProviderConfig,
): Promise<TestAnswer> {
  const trial = await tryCall(() => providerClient(row, { encryptionKeys, egressAllow: egress }), row.defaultModel);
  const answer = { ok: trial.ok, latency_ms: trial.latencyMs, model: trial.model };
  return trial.ok ? answer : { ...answer, error: `${trial.fault}: ${trial.message}` };
}

/** A real call for one token, past queue and limits, within 10 s. */
export async function tryCall(makeClient: () => Provider, model: string): Promise<Trial> {
  const startedAt = performance.now();
  const latencyMs = (): number => Math.round(performance.now() - startedAt);
  try {
    const call = { model, messages: [{ role: 'user' as const, content: 'ping' }], maxTokens: 1, timeoutMs: TIMEOUT_MS };
    const { servedModel } = await makeClient().generate(call, new AbortController().signal);
    return { ok: true, latencyMs: latencyMs(), model: servedModel };
  } catch (error) {
    const problem = error instanceof ProviderError ? error : { fault: 'auth' as const, message: UNREADABLE_KEY };
    return { ok: false, latencyMs: latencyMs(), model, fault: problem.fault, message: problem.message };
  }
}

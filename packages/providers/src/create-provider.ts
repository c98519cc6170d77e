import { ProviderError, type ProviderType } from '@llm-gateway/shared';
import { effectiveBaseUrl } from './base-url.js';
import { agentFor } from './egress/agent.js';
import { checkBaseUrl } from './egress/check-base-url.js';
import { openExchange } from './http/exchange.js';
import { redact } from './http/redact.js';
import { needsKey } from './needs-key.js';
import type { Provider, ProviderAnswer, ProviderCall, ProviderConnection, VendorGenerate } from './provider.js';

const chatCompletions = async () => (await import('./vendors/chat-completions.js')).chatCompletions;
/** Not loaded at the start: the SDKs take a hundred megabytes together, and an API process calls no vendor unless Redis or all workers are away. */
const VENDORS = {
  claude: async () => (await import('./vendors/claude.js')).claude,
  openai: chatCompletions,
  gemini: async () => (await import('./vendors/gemini.js')).gemini,
  llama: chatCompletions,
  mistral: async () => (await import('./vendors/mistral.js')).mistral,
  custom: chatCompletions,
} satisfies Record<ProviderType, () => Promise<VendorGenerate>>;

/** Loads the SDK of a vendor ahead of its first call, whose deadline would run meanwhile: it keeps the process busy for up to a second. */
export async function loadVendor(type: ProviderType): Promise<void> {
  await VENDORS[type]();
}

/**
 * A provider to keep and to share between concurrent calls; it opens nothing until the first call. A connection that cannot
 * work (no key, a forbidden base URL) makes every call fail with a ProviderError that says so.
 * @throws ProviderError invalid_request for a custom provider without a base URL.
 */
export function createProvider(connection: ProviderConnection): Provider {
  const { type, apiKey, egressAllow } = connection;
  const target = { type, apiKey, baseUrl: effectiveBaseUrl(type, connection.baseUrl) };
  const problem = connectionProblem(connection, target.baseUrl);
  return {
    async generate(call: ProviderCall, signal: AbortSignal): Promise<ProviderAnswer> {
      if (problem) throw new ProviderError(problem.fault, problem.message);
      const { origin } = new URL(target.baseUrl);
      const exchange = openExchange({ agent: agentFor(egressAllow), origin, apiKey, timeoutMs: call.timeoutMs, signal });
      try {
        const vendor = await VENDORS[type]();
        const { responseId, servedModel, ...answer } = await vendor(call, target, exchange.fetch);
        // Both are the vendor's words, and both are stored and shown.
        const vendorRequestId = exchange.requestId() ?? (responseId === null ? null : redact(responseId, apiKey));
        return { ...answer, servedModel: redact(servedModel, apiKey), vendorRequestId };
      } catch (error) {
        throw exchange.explain(error);
      } finally {
        exchange.close();
      }
    },
  };
}

function connectionProblem({ type, apiKey, baseUrl, egressAllow }: ProviderConnection, effective: string) {
  const refused = checkBaseUrl(effective, egressAllow);
  // Not the caller's mistake: a fault that lets another provider be asked.
  if (refused !== null) return { fault: 'network', message: refused } as const;
  return apiKey === null && needsKey(type, baseUrl)
    ? ({ fault: 'auth', message: `this ${type} provider has no API key` } as const)
    : null;
}

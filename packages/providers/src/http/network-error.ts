import { ProviderError } from '@llm-gateway/shared';
import { EgressRefusedError, MAX_RESPONSE_BYTES } from '../egress/agent.js';

/** The connection was never made, so the vendor has nothing to bill. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Classifies what undici threw. The original is not kept as a cause: it can hold the socket, and with it the request. */
export function networkError(error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const refused = causes(error).find((each) => each instanceof EgressRefusedError);
  if (refused) return new ProviderError('network', refused.message);
  const code = causes(error)
    .map((each) => (each as { code?: unknown }).code)
    .find((each) => typeof each === 'string');
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') {
    return new ProviderError('bad_response', `the provider's answer is larger than ${MAX_RESPONSE_BYTES} bytes`);
  }
  if (code?.startsWith('HPE_')) return new ProviderError('bad_response', `the provider's answer is not valid HTTP (${code})`);
  const maybeBilled = !NEVER_SENT.has(code ?? '');
  return new ProviderError('network', `the connection to the provider failed (${code ?? 'unknown cause'})`, { maybeBilled });
}

/** The error, its causes, and the members of aggregates: a connection tried over IPv6 and IPv4 fails with both. */
function causes(error: unknown): Error[] {
  if (!(error instanceof Error)) return [];
  const members = error instanceof AggregateError ? error.errors.flatMap(causes) : [];
  return [error, ...members, ...causes(error.cause)];
}

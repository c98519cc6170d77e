import { effectiveBaseUrl } from '@llm-gateway/providers';
import { canonicalHash, conversation, type GenerateRequest, type ProviderConfig } from '@llm-gateway/shared';

/** Grows when the meaning of a stored answer changes: older entries are then never found again. */
const CACHE_SCHEMA = 1;

type CachedBy = Pick<ProviderConfig, 'type' | 'baseUrl'> & { model: string };

/** Everything that can change the answer, and who may share it, as one hash. */
export function cacheKey(answerer: CachedBy, request: GenerateRequest, scope: string): string {
  const { system, max_tokens, temperature, top_p, seed, stop, response_format } = request;
  return canonicalHash({
    schema: CACHE_SCHEMA,
    scope,
    type: answerer.type,
    baseUrl: effectiveBaseUrl(answerer.type, answerer.baseUrl),
    model: answerer.model,
    messages: conversation(request),
    system,
    max_tokens,
    temperature,
    top_p,
    seed,
    stop: typeof stop === 'string' ? [stop] : stop,
    response_format: response_format?.type === 'text' ? undefined : response_format,
  });
}

/** @returns whom an answer belongs to. Unless the request widens it: its customer, else its service. */
export function cacheScope(request: Pick<GenerateRequest, 'cache' | 'customer_id'>, service: string): string {
  const scope = request.cache?.scope ?? (request.customer_id === undefined ? 'service' : 'customer');
  if (scope === 'global') return 'global';
  return scope === 'service' ? `service:${service}` : `customer:${request.customer_id ?? ''}`;
}

import { effectiveBaseUrl } from '@llm-gateway/providers';
import { canonicalHash, conversation, type GenerateRequest, type ProviderConfig } from '@llm-gateway/shared';

/** Grows when the meaning of a stored answer changes: older entries are then never found again. */
const CACHE_SCHEMA = 1;

type CachedBy = Pick<ProviderConfig, 'type' | 'baseUrl'> & { model: string };

/** Everything that can change the answer, and who may share it, as one hash. */
export function cacheKey(answerer: CachedBy, request: GenerateRequest, scope: string): string {
  return canonicalHash({
    baseUrl: effectiveBaseUrl(answerer.type, answerer.baseUrl),
    messages: conversation(request),
    model: answerer.model,
    parameters: parametersOf(request),
    schema: CACHE_SCHEMA,
    scope,
    type: answerer.type,
  });
}

/**
 * By subtraction: a field that is added to requests changes the key until somebody says that it cannot change the answer.
 * Forgetting it costs a cache hit; the other way round it would serve the wrong answer.
 */
function parametersOf(request: GenerateRequest) {
  const { service, customer_id, provider, model, prompt, messages, ...withoutOrigin } = request;
  const { cache, fallback, priority, timeout_ms, metadata, ...parameters } = withoutOrigin;
  const { stop, response_format } = parameters;
  return {
    ...parameters,
    response_format: response_format?.type === 'text' ? undefined : response_format,
    stop: typeof stop === 'string' ? [stop] : stop,
  };
}

/** @returns whom an answer belongs to. Unless the request widens it: its customer, else its service. */
export function cacheScope(request: Pick<GenerateRequest, 'cache' | 'customer_id'>, service: string): string {
  const scope = request.cache?.scope ?? (request.customer_id === undefined ? 'service' : 'customer');
  if (scope === 'global') return 'global';
  return scope === 'service' ? `service:${service}` : `customer:${request.customer_id ?? ''}`;
}

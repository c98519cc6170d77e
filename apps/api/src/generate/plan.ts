/** From a valid request to what will be done with it: whom to ask, where the answer may be stored, how long it may take. No I/O. */
import { cacheKey, cacheScope, estimateInput } from '@llm-gateway/engine';
import type { RequestHead } from '@llm-gateway/queue';
import {
  GatewayError,
  requestTime,
  textHash,
  type Candidate,
  type ConfigSnapshot,
  type GenerateRequest,
} from '@llm-gateway/shared';
import { invalid } from '../http/parse.js';
import { routeOrThrow } from '../routing/resolve.js';
import type { GenerateCaller } from './deps.js';

/** How long a result waits for callers who come back: by idempotency key or job id a day, otherwise minutes. */
const KEPT_RESULT_SECONDS = 86_400;
const RESULT_SECONDS = 300;
/** A result outlives its flight, whose key may be left behind by a worker that died: who finds the key must find the result. */
const RESULT_AFTER_DEADLINE_SECONDS = 180;

export interface Plan {
  head: RequestHead;
  candidates: Candidate[];
  /** The cache entry of the first candidate's answer; null where the cache is not to be read. */
  cacheHash: string | null;
  /** Says under which hash identical requests share one call, which a cache hit does not ask; null where this request wants a call of its own. */
  flight: (() => string) | null;
}

export interface PlanOptions {
  requestId: string;
  apiId: string;
  isAsync: boolean;
  hasIdempotencyKey: boolean;
  cacheTtlSeconds: number;
}

export function serviceOf(caller: GenerateCaller, request: GenerateRequest): string {
  if (caller.service !== null && request.service !== undefined && request.service !== caller.service) {
    throw new GatewayError('forbidden', `this key belongs to the service ${caller.service}`);
  }
  const service = caller.service ?? request.service;
  if (service === undefined) throw invalid([{ path: 'service', message: 'is required' }]);
  return service;
}

/** @throws GatewayError no_provider, invalid_request (a pin that does not exist), payload_too_large (a prompt that can never fit). */
export function plan(snapshot: ConfigSnapshot, caller: GenerateCaller, request: GenerateRequest, options: PlanOptions): Plan {
  const service = serviceOf(caller, request);
  const { customer_id: customerId, provider, model, fallback } = request;
  const route = routeOrThrow(snapshot, { service, customerId, provider, model, fallback });
  const candidates = fitting(snapshot, route.candidates, request);
  const scope = cacheScope(request, service);
  const mode = request.cache?.mode ?? 'default';
  const hash = mode === 'off' ? null : firstCacheKey(snapshot, candidates, request, scope);
  const reads = mode === 'default' || mode === 'only';
  const shares = mode === 'default' && !options.isAsync;
  const flight = shares ? () => textHash(`${hash} ${JSON.stringify(candidates)}`) : null;
  const now = Date.now();
  const keeps = options.isAsync || options.hasIdempotencyKey;
  const head: RequestHead = {
    id: options.requestId,
    // Of one request there is one row, however often it is begun anew.
    createdAt: requestTime(options.requestId),
    deadline: now + request.timeout_ms,
    service,
    customerId: customerId ?? null,
    keyId: caller.keyId,
    metadata: request.metadata ?? {},
    replyTo: options.isAsync ? null : options.apiId,
    // Until it leads one.
    flight: null,
    cacheStatus: mode === 'off' ? 'BYPASS' : mode === 'refresh' ? 'REFRESH' : 'MISS',
    cache: mode === 'off' ? null : { ttlSeconds: request.cache?.ttl_seconds ?? options.cacheTtlSeconds, scope },
    resultTtlSeconds: keeps
      ? KEPT_RESULT_SECONDS
      : Math.max(RESULT_SECONDS, Math.ceil(request.timeout_ms / 1_000) + RESULT_AFTER_DEADLINE_SECONDS),
    priority: request.priority,
    cancellable: !keeps,
    lanes: candidates.map((candidate) => candidate.provider),
    relatedTo: null,
  };
  return { head, candidates, cacheHash: reads ? hash : null, flight };
}

function firstCacheKey(
  snapshot: ConfigSnapshot,
  candidates: readonly Candidate[],
  request: GenerateRequest,
  scope: string,
): string | null {
  const [first] = candidates;
  const config = snapshot.providers.find((provider) => provider.name === first?.provider);
  return first && config ? cacheKey({ ...config, model: first.model }, request, scope) : null;
}

/** Without the candidates whose tokens a minute the request can never fit: waiting for them would be in vain. */
function fitting(snapshot: ConfigSnapshot, candidates: readonly Candidate[], request: GenerateRequest): Candidate[] {
  const limits = new Map(snapshot.providers.map((provider) => [provider.name, provider.tpmLimit]));
  if (!candidates.some(({ provider }) => limits.get(provider) != null)) return [...candidates];
  const estimate = estimateInput(request) + (request.max_tokens ?? 0);
  const fits = candidates.filter(({ provider }) => estimate <= (limits.get(provider) ?? Infinity));
  if (fits.length > 0) return fits;
  const details = candidates.map(({ provider }) => ({
    path: 'prompt',
    message: `about ${estimate} tokens (input and max_tokens) can never fit the tpm_limit of ${limits.get(provider) ?? 0} of ${provider}`,
  }));
  throw new GatewayError('payload_too_large', 'the request is larger than any of its providers takes in a minute', { details });
}

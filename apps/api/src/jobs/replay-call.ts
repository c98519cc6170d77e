/** What running a job again means: the same request for the same customer, planned anew, as a request of its own. */
import type { GenerateJobPayload, JobRef } from '@llm-gateway/queue';
import { PROVIDER_TYPES, type ConfigSnapshot, type GenerateRequest } from '@llm-gateway/shared';
import type { Call } from '../generate/call.js';
import type { GenerateDeps } from '../generate/deps.js';
import { plan, type Plan } from '../generate/plan.js';
import { serves } from '../routing/serves.js';
import type { ReplayOrder } from './wire.js';

export interface PlannedReplay {
  call: Call;
  planned: Plan;
}

/** @throws GatewayError as a new request would get it: invalid_request for a provider that there is not, no_provider, payload_too_large. */
export function planReplay(
  deps: Pick<GenerateDeps, 'config' | 'apiId' | 'cacheTtlSeconds'>,
  { ref, payload, replayId, signal }: { ref: JobRef; payload: GenerateJobPayload; replayId: string; signal: AbortSignal },
  order: ReplayOrder,
): PlannedReplay {
  const snapshot = deps.config.current();
  const request = replayRequest(snapshot, payload.request, order, ref.shelf === 'completed');
  const { service, keyId } = payload.head;
  // Its first caller's: who asked then may read and end it, and rows by key stay what they were. Who replayed it stands in the audit log.
  const caller = { keyId: keyId ?? '', service };
  const { apiId, cacheTtlSeconds } = deps;
  const options = { requestId: replayId, apiId, isAsync: true, hasIdempotencyKey: false, cacheTtlSeconds };
  const planned = plan(snapshot, caller, request, options);
  const head = { ...planned.head, keyId, relatedTo: ref.requestId, replayOf: ref.requestId };
  // Nothing is accepted for later without the queue, so no replay is carried out here.
  const call = { id: replayId, caller, request, idempotencyKey: null, isAsync: true, signal, markDirect: () => undefined };
  return { call, planned: { ...planned, head } };
}

function replayRequest(
  snapshot: ConfigSnapshot,
  original: GenerateRequest,
  { provider, model, timeout_ms: timeoutMs }: ReplayOrder,
  hasAnswer: boolean,
): GenerateRequest {
  const request = { ...original };
  if (provider !== undefined) {
    request.provider = provider;
    if (!servesModel(snapshot, provider, original.model)) delete request.model;
  }
  if (model !== undefined) request.model = model;
  if (timeoutMs !== undefined) request.timeout_ms = timeoutMs;
  // Its own answer is in the cache: run again means asked again.
  const asksCache = original.cache?.mode !== 'off';
  return hasAnswer && asksCache ? { ...request, cache: { ...original.cache, mode: 'refresh' } } : request;
}

/** Is the model that a request pinned one that the provider it is now sent to is known to have? */
function servesModel({ providers }: ConfigSnapshot, pin: string, model: string | undefined): boolean {
  const isType = (PROVIDER_TYPES as readonly string[]).includes(pin);
  const pinned = providers.find(({ name }) => name === pin) ?? (isType ? providers.find(({ type }) => type === pin) : undefined);
  return model !== undefined && pinned !== undefined && serves(pinned, model) === 'known';
}

/** Usage rows of requests that had no job of their own. */
import { refusedEvent, sharedAnswerEvent, type Asker } from '@llm-gateway/engine';
import { appendUsage, type OkOutcome, type RequestHead } from '@llm-gateway/queue';
import { newRequestId, type CacheStatus, type GatewayError, type UsageEvent } from '@llm-gateway/shared';
import type { GenerateDeps } from './deps.js';

type RecordDeps = Pick<GenerateDeps, 'redis' | 'pulse' | 'spool' | 'logger'>;

/**
 * Sends the row on its way without waiting for it: the command is in the socket before the answer is, so a process that is
 * killed after answering has written it. Where Redis does not take it, the spool does, and the database from there.
 */
function record(deps: RecordDeps, requestId: string, event: UsageEvent): void {
  if (!deps.pulse.isUp) spool(deps, requestId, event);
  else appendUsage(deps.redis, requestId, event).catch(() => spool(deps, requestId, event));
}

function spool(deps: RecordDeps, requestId: string, event: UsageEvent): void {
  if (deps.spool.hasRoom()) void deps.spool.record(event);
  else deps.logger.error({ requestId }, 'usage row lost: neither redis nor the database took it, and the spool is full');
}

export function recordShared(
  deps: RecordDeps,
  asker: Asker,
  shared: Pick<OkOutcome, 'result' | 'costNanoUsd'>,
  status: CacheStatus,
): void {
  record(deps, asker.id, sharedAnswerEvent(asker, shared, status));
}

export function recordRefused(deps: RecordDeps, asker: Asker, error: GatewayError, status: CacheStatus): void {
  record(deps, asker.id, refusedEvent(asker, error.code, status));
}

/**
 * The same for one that nothing was done for yet. Somebody may come back for it by its id, with its key for one, and then it is carried
 * out after all: its own row is kept free for that, and this one, which says only that a try was turned away, has an id of its own.
 */
export function recordTurnedAway(
  deps: RecordDeps,
  head: Asker & Pick<RequestHead, 'cancellable'>,
  error: GatewayError,
  status: CacheStatus,
): void {
  const { id, createdAt, relatedTo, cancellable } = head;
  const asker = cancellable ? head : { ...head, id: newRequestId(createdAt), relatedTo: relatedTo ?? id };
  recordRefused(deps, asker, error, status);
}

/** Usage rows of requests that had no job of their own. */
import { refusedEvent, sharedAnswerEvent, type Asker } from '@llm-gateway/engine';
import { appendUsage, type OkOutcome } from '@llm-gateway/queue';
import type { CacheStatus, GatewayError, UsageEvent } from '@llm-gateway/shared';
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
  if (deps.spool.hasRoom()) deps.spool.record(event);
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

import type { RequestHead } from '@llm-gateway/queue';
import type { UsageAttempt, UsageEvent } from '@llm-gateway/shared';
import { LOST } from './end-abandoned.js';
import { errorOutcome } from './outcome-of.js';
import { jobEvent } from './usage-log.js';

/** The event of a request whose process died over it, made from what had been written down; the same whenever it is made. */
export function lostEvent({ head, attempts }: { head: RequestHead; attempts: UsageAttempt[] }): UsageEvent {
  const event = jobEvent(head, errorOutcome(head, attempts, LOST), attempts, head.cacheStatus);
  if (event.log) Object.assign(event.log, { latencyMs: head.deadline - head.createdAt, queueMs: 0 });
  return event;
}

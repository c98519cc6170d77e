/** When rows were made, by their ids. A row's key holds its time: an id that came with two times would be two rows, and be paid for twice. */
import { attemptTime, requestTime, type UsageAttempt, type UsageEvent, type UsageLog } from '@llm-gateway/shared';
import { RefusedRow } from '../connection/errors.js';
import { REQUEST_MARGIN_MS } from './rollups/facts.js';

/** @returns the events, with the times that their ids say. @throws RefusedRow where an id says none. */
export const asTheirIdsSay = (events: readonly UsageEvent[]): UsageEvent[] =>
  events.map((event) => ({ ...event, log: event.log && logInTime(event.log), attempts: event.attempts.map(attemptInTime) }));

const logInTime = (log: UsageLog): UsageLog => ({ ...log, createdAt: demandTime(requestTime(log.id), log.id) });

/** No further from its request than calls are looked for, or its cost would be in no sum. The same for every telling, so still one row. */
function attemptInTime(attempt: UsageAttempt): UsageAttempt {
  const asked = demandTime(requestTime(attempt.requestId), attempt.requestId);
  const called = demandTime(attemptTime(attempt.id), attempt.id);
  const createdAt = Math.min(Math.max(called, asked - REQUEST_MARGIN_MS), asked + REQUEST_MARGIN_MS);
  return { ...attempt, createdAt };
}

function demandTime(time: number, id: string): number {
  if (Number.isNaN(time)) throw new RefusedRow(`${id.slice(0, 64)} is no id of ours: it does not say when its row was made`);
  return time;
}

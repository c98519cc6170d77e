import { insertUsage, isDataError, type Db } from '@llm-gateway/db';
import type { BudgetBook } from '@llm-gateway/engine';
import { appendUsage, type Redis, type RedisPulse } from '@llm-gateway/queue';
import type { UsageEvent } from '@llm-gateway/shared';

interface Stores {
  db: Db;
  redis: Redis;
  pulse: Pick<RedisPulse, 'isUp'>;
  budgets: Pick<BudgetBook, 'settle'>;
}

/** Where spooled rows go: into the database, or over the stream where that cannot be reached. @throws while neither takes them. */
export async function storeUsage({ db, redis, pulse, budgets }: Stores, events: readonly UsageEvent[]): Promise<void> {
  try {
    const { spent } = await insertUsage(db, events);
    // What is not told now, is found by the budgets' next look at the rows.
    if (pulse.isUp) await budgets.settle('recorded', spent).catch(() => undefined);
  } catch (error) {
    if (isDataError(error) || !pulse.isUp) throw error;
    await Promise.all(events.map((event) => appendUsage(redis, requestOf(event), event)));
  }
}

const requestOf = ({ log, attempts }: UsageEvent): string => log?.id ?? attempts[0]?.requestId ?? '';

import { describe, expect, it } from '@jest/globals';
import { windowAt } from '@llm-gateway/shared';
import {
  claimDueAlerts,
  createBudget,
  deleteBudget,
  listAlerts,
  markUndelivered,
  raiseAlert,
  type StoredBudget,
} from '../src/index.js';
import { useDatabase } from './database-fixture.js';

const fixture = useDatabase();
const LEASE_MS = 60_000;

const budgetOf = (service: string): Promise<StoredBudget> =>
  createBudget(fixture.db, {
    ...{ scope: 'service', service, customerId: null, window: 'day' },
    ...{ softLimitNanoUsd: null, hardLimitNanoUsd: 1_000, webhookUrl: `https://${service}.example.com/hook` },
  });
const raise = (budget: StoredBudget, thresholds: number[]) =>
  Promise.all(
    thresholds.map((threshold) => {
      const window = windowAt('day', Date.now());
      return raiseAlert(fixture.db, { budget, window, limit: 'hard', threshold, limitNanoUsd: 1_000, spentNanoUsd: 1_000 });
    }),
  );
const claim = (limit: number) => claimDueAlerts(fixture.db, limit, LEASE_MS);

describe('alerts to be told', () => {
  it('are not kept waiting by those that a dead receiver has left behind', async () => {
    const dead = await budgetOf('dead');
    await raise(dead, [50, 80, 100]);
    for (const { content } of await claim(10)) await markUndelivered(fixture.db, content.id, 'the receiver is dead', -LEASE_MS);
    const alive = await budgetOf('alive');
    await raise(alive, [50]);
    expect((await claim(1)).map(({ webhookUrl }) => webhookUrl)).toEqual([alive.webhookUrl]);
    // And then it is their turn.
    expect((await claim(10)).map(({ webhookUrl, attempt }) => [webhookUrl, attempt])).toEqual(
      [1, 2, 3].map(() => [dead.webhookUrl, 2]),
    );
  });

  it('are due to nobody once their budget is gone, also while one is under way', async () => {
    const gone = await budgetOf('gone');
    await raise(gone, [50, 80]);
    const [underWay] = await claim(1);
    await deleteBudget(fixture.db, gone.id);
    await markUndelivered(fixture.db, underWay?.content.id ?? '', 'the receiver is dead', 0);
    expect(await claim(10)).toEqual([]);
    const { data } = await listAlerts(fixture.db, { limit: 10 });
    const left = data.filter(({ budget_id }) => budget_id === gone.id);
    expect(left.map(({ next_attempt_at, delivered_at }) => [next_attempt_at, delivered_at])).toEqual([
      [null, null],
      [null, null],
    ]);
  });
});

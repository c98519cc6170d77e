import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { windowAt } from '@llm-gateway/shared';
import { BudgetLedger, type BudgetSpan } from '../src/index.js';
import { startHarness, until, type Harness } from './harness.js';

const LIMIT = 1_000;
const ARRIVED = Date.now();

let harness: Harness;
let here: BudgetLedger;
let elsewhere: BudgetLedger;
beforeAll(async () => {
  harness = await startHarness();
  here = new BudgetLedger(await harness.client());
  elsewhere = new BudgetLedger(await harness.client());
});
afterAll(() => harness.close());

const newSpan = (): BudgetSpan => ({ budgetId: randomUUID(), window: windowAt('day', ARRIVED) });
async function openSpan(spent = 0): Promise<BudgetSpan> {
  const span = newSpan();
  await here.open(span, spent, ARRIVED);
  return span;
}
const hold = (requestId: string, amountNanoUsd: number, holdMs = 60_000) => ({
  requestId,
  amountNanoUsd,
  holdMs,
  limitNanoUsd: LIMIT,
});
const cost = (requestId: string, costNanoUsd: number, createdAt = ARRIVED) => ({ requestId, createdAt, costNanoUsd });
async function standing(span: BudgetSpan) {
  const [found] = await elsewhere.look([span]);
  if (!found) throw new Error('the window is not open');
  return { spent: found.spentNanoUsd, reserved: found.reservedNanoUsd, refused: found.refused, remembered: found.remembered };
}

describe("a budget's counters", () => {
  it('let exactly as many requests in at once, over all replicas, as the limit has room for', async () => {
    const span = await openSpan(300);
    const tries = Array.from({ length: 40 }, (_, index) => (index % 2 ? here : elsewhere).reserve(span, hold(`r${index}`, 100)));
    const kinds = (await Promise.all(tries)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'reserved')).toHaveLength(7);
    expect(await standing(span)).toMatchObject({ spent: 300, reserved: 700 });
  });

  it('ask for the spend of a window that they know nothing of, and take it once', async () => {
    const span = newSpan();
    expect(await here.look([span])).toEqual([null]);
    expect((await here.reserve(span, hold('a', 1))).kind).toBe('unopened');
    await here.settle(span, 'recorded', [cost('a', 5)]);
    expect(await Promise.all([here.open(span, 40, ARRIVED), elsewhere.open(span, 40, ARRIVED)])).toEqual([true, false]);
    expect(await standing(span)).toMatchObject({ spent: 40, reserved: 0 });
  });

  it('give back what a request did not need, and what it never used once its time is over', async () => {
    const span = await openSpan();
    await here.reserve(span, hold('released', 400));
    await here.reserve(span, hold('expiring', 500, 1));
    await here.release(span, 'released');
    await until(async () => (await standing(span)).reserved === 0);
    expect((await here.reserve(span, hold('whole', LIMIT))).kind).toBe('reserved');
  });

  it('count a repeated reservation once', async () => {
    const span = await openSpan();
    await here.reserve(span, hold('same', 800));
    expect((await elsewhere.reserve(span, hold('same', 900))).kind).toBe('reserved');
    expect(await standing(span)).toMatchObject({ reserved: 900 });
  });

  it('count a cost that comes in after its reservation has ended', async () => {
    const span = await openSpan();
    await here.reserve(span, hold('late', 100, 1));
    await until(async () => (await standing(span)).reserved === 0);
    await here.settle(span, 'reckoned', [cost('late', 70)]);
    expect(await standing(span)).toMatchObject({ spent: 70, reserved: 0 });
  });

  it('let nobody in without a known price once the limit is reached', async () => {
    const span = await openSpan(LIMIT - 1);
    expect((await here.reserve(span, hold('free', 0))).kind).toBe('reserved');
    await here.settle(span, 'reckoned', [cost('free', 1)]);
    expect((await here.reserve(span, hold('next', 0))).kind).toBe('refused');
  });

  it('tell a limit that is used up from one that others have reserved, and from one request that is too large', async () => {
    const reserved = await openSpan(100);
    await here.reserve(reserved, hold('other', 850));
    expect((await here.reserve(reserved, hold('one', 100))).kind).toBe('refused');
    expect(await standing(reserved)).toMatchObject({ refused: false });
    const idle = await openSpan(100);
    expect((await here.reserve(idle, hold('huge', 950))).kind).toBe('refused');
    expect(await standing(idle)).toMatchObject({ refused: false });
    const used = await openSpan(950);
    expect((await here.reserve(used, hold('one', 100))).kind).toBe('refused');
    expect(await standing(used)).toMatchObject({ refused: true });
  });

  it('are kept for two days after their window', async () => {
    const span = await openSpan();
    await here.reserve(span, hold('r', 1));
    await here.settle(span, 'reckoned', [cost('s', 1)]);
    const redis = await harness.client();
    const keys = await redis.keys(`*${span.budgetId}*`);
    expect(keys).toHaveLength(5);
    for (const key of keys) expect(await redis.pexpiretime(key)).toBe(span.window.endsAt + 2 * 86_400_000);
  });
});

type Step =
  | { do: 'reserve'; id: string; amount: number }
  | { do: 'release'; id: string }
  | { do: 'settle'; id: string; amount: number; source: 'reckoned' | 'recorded' };

const id = fc.constantFrom('a', 'b', 'c');
const amount = fc.integer({ min: 0, max: 400 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('reserve' as const), id, amount }),
  fc.record({ do: fc.constant('release' as const), id }),
  fc.record({
    do: fc.constant('settle' as const),
    id,
    amount,
    source: fc.constantFrom('reckoned' as const, 'recorded' as const),
  }),
);

/** What the steps come to, said as plainly as can be. */
class Model {
  readonly reserved = new Map<string, number>();
  readonly settled = new Map<string, { amount: number; source: 'reckoned' | 'recorded' }>();
  spent = () => [...this.settled.values()].reduce((sum, entry) => sum + entry.amount, 0);
  held = () => [...this.reserved.values()].reduce((sum, each) => sum + each, 0);
  apply(step: Step): void {
    this.reserved.delete(step.id);
    if (step.do === 'reserve' && this.spent() + this.held() + step.amount <= LIMIT && this.spent() < LIMIT)
      this.reserved.set(step.id, step.amount);
    if (step.do !== 'settle') return;
    const old = this.settled.get(step.id);
    if (old?.source === 'recorded' && step.source === 'reckoned') return;
    if (old || step.amount > 0) this.settled.set(step.id, { amount: step.amount, source: step.source });
  }
}

describe('reserving, releasing and settling', () => {
  it('come out right in every order and however often: the last word of the database holds, else the last reckoning', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const [span, model] = [await openSpan(), new Model()];
        for (const [index, each] of steps.entries()) {
          const ledger = index % 2 ? here : elsewhere;
          if (each.do === 'reserve') await ledger.reserve(span, hold(each.id, each.amount));
          else if (each.do === 'release') await ledger.release(span, each.id);
          else await ledger.settle(span, each.source, [cost(each.id, each.amount)]);
          model.apply(each);
        }
        expect(await standing(span)).toMatchObject({ spent: model.spent(), reserved: model.held() });
      }),
      { numRuns: 60 },
    );
  });
});

describe('folding', () => {
  it('forgets what the sum includes, and keeps what it does not', async () => {
    const span = await openSpan();
    await here.settle(span, 'recorded', [
      cost('old', 10, ARRIVED - 5),
      cost('unwritten', 20, ARRIVED - 4),
      cost('new', 40, ARRIVED + 5),
    ]);
    const old = await here.remembered(span, ARRIVED, { offset: 0, limit: 10 });
    expect(old.map(({ requestId }) => requestId)).toEqual(['old', 'unwritten']);
    expect(await here.fold(span, { folds: 0, spentNanoUsd: 1_000, before: ARRIVED, included: old.slice(0, 1) })).toBe(true);
    expect(await standing(span)).toMatchObject({ spent: 1_060, remembered: 2 });
  });

  it('changes nothing on the word of a reader who was overtaken', async () => {
    const span = await openSpan();
    await here.fold(span, { folds: 0, spentNanoUsd: 50, before: ARRIVED, included: [] });
    expect(await elsewhere.fold(span, { folds: 0, spentNanoUsd: 10, before: ARRIVED, included: [] })).toBe(false);
    expect(await standing(span)).toMatchObject({ spent: 50 });
  });

  it('keeps an entry that was settled anew since it was read', async () => {
    const span = await openSpan();
    await here.settle(span, 'reckoned', [cost('r', 10, ARRIVED - 5)]);
    const included = await here.remembered(span, ARRIVED, { offset: 0, limit: 10 });
    await elsewhere.settle(span, 'recorded', [cost('r', 30, ARRIVED - 5)]);
    await here.fold(span, { folds: 0, spentNanoUsd: 0, before: ARRIVED, included });
    expect(await standing(span)).toMatchObject({ spent: 30, remembered: 1 });
  });

  it('counts entries in again that outlived a lost sum', async () => {
    const span = await openSpan();
    await here.settle(span, 'reckoned', [cost('unwritten', 25)]);
    await here.reserve(span, hold('held', 5));
    const redis = await harness.client();
    await redis.del(...(await redis.keys(`*${span.budgetId}*:state`)));
    await here.open(span, 100, ARRIVED);
    expect(await standing(span)).toMatchObject({ spent: 125, reserved: 5 });
  });
});

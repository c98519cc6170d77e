import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  actingAsSystem,
  closeDatabase,
  createBudget,
  deleteBudget,
  insertUsage,
  migrate,
  openDatabase,
  repriceAttempts,
  storedAttempts,
  type BudgetInput,
  type Db,
} from '@llm-gateway/db';
import { createTestDatabase } from '@llm-gateway/local-services';
import { BudgetLedger, type Redis } from '@llm-gateway/queue';
import {
  newAttemptId,
  newRequestId,
  NO_TOKENS,
  windowAt,
  type Budget,
  type ConfigSnapshot,
  type UsageEvent,
} from '@llm-gateway/shared';
import { spanOf } from '../src/budgets/budget-book.js';
import { foldBudget } from '../src/budgets/fold-budget.js';
import { BudgetBook, BudgetsUnavailable, type SpendingRequest } from '../src/index.js';
import { startHarness, unreachableDatabase, type Harness } from './harness.js';

let harness: Harness;
let redis: Redis;
let ledger: BudgetLedger;
let db: Db;
let drop: () => Promise<void>;
let snapshot: ConfigSnapshot;
let book: BudgetBook;

beforeAll(async () => {
  harness = await startHarness();
  redis = await harness.client();
  ledger = new BudgetLedger(redis);
  const database = await createTestDatabase();
  drop = () => database.drop();
  await migrate(database.url);
  db = openDatabase(database.url);
}, 30_000);
afterAll(async () => {
  await closeDatabase(db);
  await Promise.all([harness.close(), drop()]);
});
beforeEach(() => {
  snapshot = { version: 1, providers: [], overrides: [], budgets: [], unreadable: [] };
  book = bookOn(db);
});

const bookOn = (database: Db) => new BudgetBook({ ledger, db: database, current: () => snapshot });

function budget(fields: Partial<Budget> = {}): Budget {
  const made: Budget = {
    id: randomUUID(),
    scope: 'customer',
    customerId: randomUUID(),
    service: null,
    window: 'day',
    softLimitNanoUsd: null,
    hardLimitNanoUsd: 1_000,
    ...fields,
  };
  snapshot = { ...snapshot, budgets: [...snapshot.budgets, made] };
  return made;
}

const asks = (fields: Partial<SpendingRequest> = {}): SpendingRequest => {
  const createdAt = fields.createdAt ?? Date.now();
  return { id: newRequestId(createdAt), createdAt, deadline: createdAt + 60_000, service: 'blog', customerId: null, ...fields };
};
const spent = async (of: Budget, at = Date.now()) => {
  const [standing] = await book.standings([of], at);
  return [standing?.spentNanoUsd, standing?.reservedNanoUsd];
};
const costOf = (request: SpendingRequest, costNanoUsd: number) => ({ ...request, requestId: request.id, costNanoUsd });

/** A request with one attempt, as it comes out of the usage stream. */
function eventOf(
  request: SpendingRequest,
  costNanoUsd: number,
  status: 'ok' | 'abandoned' = 'ok',
  attemptId = newAttemptId(request.createdAt),
): UsageEvent {
  const { id, createdAt, service, customerId } = request;
  const common = {
    createdAt,
    provider: 'main',
    providerType: 'openai' as const,
    model: 'm',
    tokens: NO_TOKENS,
    costNanoUsd,
    unpricedReason: null,
  };
  const timing = { latencyMs: 1 };
  return {
    v: 1,
    log: {
      ...common,
      ...timing,
      id,
      service,
      customerId,
      keyId: null,
      status: 'ok',
      errorCode: null,
      cacheStatus: 'MISS',
      finishReason: 'stop',
      savedNanoUsd: 0,
      queueMs: 0,
      attemptCount: 1,
      clientGone: false,
      metadata: {},
      relatedTo: null,
    },
    attempts: [
      {
        ...common,
        ...timing,
        id: attemptId,
        requestId: id,
        number: 1,
        servedModel: null,
        status,
        error: null,
        errorMessage: null,
        httpStatus: null,
        vendorRequestId: null,
        estimated: false,
        priceVersion: null,
        limiterMs: 0,
        worker: 'w',
      },
    ],
  };
}
/** What the usage writer does with an event. */
async function write(event: UsageEvent): Promise<void> {
  await book.settle('recorded', (await insertUsage(db, [event])).spent);
}

describe('a request', () => {
  it('that counts in no budget asks nobody, and is not priced', async () => {
    budget({ customerId: 'other' });
    await book.reserve(asks({ customerId: 'me' }), () => {
      throw new Error('was priced');
    });
  });

  it('is reserved in all its budgets or in none', async () => {
    const customerId = randomUUID();
    const service = randomUUID();
    const mine = budget({ customerId });
    const ours = budget({ scope: 'service', service, customerId: null, window: 'month', hardLimitNanoUsd: 150 });
    const soft = budget({ customerId, window: 'month', hardLimitNanoUsd: null, softLimitNanoUsd: 1 });
    // Nobody reserves in a soft budget: it is begun by those who look after the budgets.
    await book.open(soft, Date.now());
    const [first, second] = [asks({ customerId, service }), asks({ customerId, service })];
    await book.reserve(first, () => 100);
    const refusal = await book.reserve(second, () => 100).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'budget_exceeded' });
    const month = windowAt('month', Date.now());
    // It tells who asks nothing of what others have spent.
    expect((refusal as Error).message).toBe(
      `the monthly budget of the service ${service} would be passed; it begins anew at ${new Date(month.endsAt).toISOString()}`,
    );
    expect([await spent(mine), await spent(ours), await spent(soft)]).toEqual([
      [0, 100],
      [0, 100],
      [0, 0],
    ]);
    await book.settle('reckoned', [costOf(first, 40)]);
    expect([await spent(mine), await spent(ours), await spent(soft)]).toEqual([
      [40, 0],
      [40, 0],
      [40, 0],
    ]);
  });

  it('of a day counts in that day, and the next day begins with nothing spent', async () => {
    const of = budget();
    const lastNight = windowAt('day', Date.now()).startsAt - 1;
    const [yesterday, today] = [asks({ customerId: of.customerId, createdAt: lastNight }), asks({ customerId: of.customerId })];
    await book.reserve(yesterday, () => 900);
    await book.reserve(today, () => 900);
    await book.settle('reckoned', [costOf(yesterday, 900), costOf(today, 300)]);
    expect([await spent(of, lastNight), await spent(of)]).toEqual([
      [900, 0],
      [300, 0],
    ]);
  });

  it('of unknown price counts nothing, and is refused once the limit is reached', async () => {
    const of = budget();
    const [unknown, known] = [asks({ customerId: of.customerId }), asks({ customerId: of.customerId })];
    await book.reserve(unknown, () => 0);
    await book.settle('reckoned', [costOf(unknown, 0), costOf(known, 1_000)]);
    expect(await spent(of)).toEqual([1_000, 0]);
    await expect(book.reserve(asks({ customerId: of.customerId }), () => 0)).rejects.toMatchObject({ code: 'budget_exceeded' });
  });
});

describe('what has been spent', () => {
  it('before a budget was made, or Redis lost it, is read from the rows', async () => {
    const of = budget();
    await insertUsage(db, [eventOf(asks({ customerId: of.customerId, createdAt: Date.now() - 1 }), 950)]);
    await expect(book.reserve(asks({ customerId: of.customerId }), () => 51)).rejects.toMatchObject({ code: 'budget_exceeded' });
    await redis.flushdb();
    expect(await spent(of)).toEqual([950, 0]);
    await book.reserve(asks({ customerId: of.customerId }), () => 50);
    expect(await spent(of)).toEqual([950, 50]);
  });

  it('follows an abandoned attempt that comes in after all, however often it is told', async () => {
    const of = budget();
    const request = asks({ customerId: of.customerId });
    await book.reserve(request, () => 500);
    await book.settle('reckoned', [costOf(request, 20)]);
    const attemptId = newAttemptId(request.createdAt);
    await write(eventOf(request, 20, 'abandoned', attemptId));
    expect(await spent(of)).toEqual([20, 0]);
    const late = { ...eventOf(request, 75, 'ok', attemptId), log: null };
    for (let delivery = 0; delivery < 3; delivery++) await write(late);
    await book.settle('reckoned', [costOf(request, 20)]);
    expect(await spent(of)).toEqual([75, 0]);
  });

  it('follows a re-pricing of the past, once the rows are looked at again', async () => {
    const of = budget({ window: 'month' });
    const request = asks({ customerId: of.customerId, createdAt: Date.now() - 200_000 });
    const span = spanOf(of, request.createdAt);
    await book.open(of, request.createdAt);
    await write(eventOf(request, 500));
    const range = { from: new Date(request.createdAt), to: new Date(request.createdAt + 1) };
    const stored = await storedAttempts(db, range, { after: undefined, limit: 1_000 });
    const own = stored.filter((attempt) => attempt.requestId === request.id);
    await repriceAttempts(
      db,
      own.map((attempt) => ({ attempt, costNanoUsd: 650, unpricedReason: null, priceVersion: 'newer' })),
    );
    await foldBudget({ ledger, db }, of, span);
    expect(await spent(of, request.createdAt)).toEqual([650, 0]);
  });

  it('agrees with the rows again after any drift, and money without a row yet is not lost', async () => {
    const of = budget({ window: 'month' });
    const at = Date.now() - 200_000;
    const span = spanOf(of, at);
    await ledger.open(span, 7_777, at - 1);
    const [written, unwritten, untold, fresh] = [at, at, at, Date.now()].map((createdAt) =>
      asks({ customerId: of.customerId, createdAt }),
    );
    await book.settle('reckoned', [costOf(written!, 10), costOf(unwritten!, 200), costOf(fresh!, 3_000)]);
    await insertUsage(db, [eventOf(written!, 10), eventOf(untold!, 40_000)]);
    await foldBudget({ ledger, db }, of, span);
    expect(await spent(of, at)).toEqual([10 + 200 + 3_000 + 40_000, 0]);
    await write(eventOf(unwritten!, 200));
    await write(eventOf(fresh!, 3_000));
    await foldBudget({ ledger, db }, of, span);
    expect(await spent(of, at)).toEqual([10 + 200 + 3_000 + 40_000, 0]);
    expect((await ledger.look([span]))[0]).toMatchObject({ remembered: 1 });
  });
});

describe('without', () => {
  it('the database a known budget holds, and one that Redis has lost refuses in words of its own', async () => {
    const of = budget();
    await book.reserve(asks({ customerId: of.customerId }), () => 1);
    const { db: gone, close } = await unreachableDatabase();
    try {
      await bookOn(gone).reserve(asks({ customerId: of.customerId }), () => 1);
      const lost = budget();
      await expect(bookOn(gone).reserve(asks({ customerId: lost.customerId }), () => 1)).rejects.toBeInstanceOf(
        BudgetsUnavailable,
      );
    } finally {
      await close();
    }
  });

  it('Redis a hard budget refuses, and a soft one does not', async () => {
    const of = budget();
    const soft = budget({ hardLimitNanoUsd: null, softLimitNanoUsd: 1 });
    const other = await startHarness();
    const client = await other.client();
    const alone = new BudgetBook({ ledger: new BudgetLedger(client), db, current: () => snapshot });
    client.disconnect();
    await other.close();
    await expect(alone.reserve(asks({ customerId: of.customerId }), () => 1)).rejects.toBeInstanceOf(BudgetsUnavailable);
    await alone.reserve(asks({ customerId: soft.customerId }), () => 1);
  });
});

describe('a budget', () => {
  const input: BudgetInput = {
    scope: 'service',
    customerId: null,
    service: 'rows',
    window: 'day',
    softLimitNanoUsd: null,
    hardLimitNanoUsd: 4_999_999_999_999_999,
    webhookUrl: null,
  };

  it('comes back from its row to the last nano-dollar, and exists once for whom and window', async () => {
    const row = await createBudget(actingAsSystem(db), input);
    expect(row).toMatchObject(input);
    await expect(createBudget(actingAsSystem(db), { ...input, hardLimitNanoUsd: 1 })).rejects.toMatchObject({ code: 'conflict' });
    await deleteBudget(actingAsSystem(db), row.id);
    expect((await createBudget(actingAsSystem(db), { ...input, hardLimitNanoUsd: 1 })).hardLimitNanoUsd).toBe(1);
  });
});

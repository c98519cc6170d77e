/**
 * The money from the provider calls to rows, sums and budgets, by the writers that users run: killed in the middle of their batches, and
 * given a third of the events twice. The stand-in vendors keep their own books, in whole nano-dollars worked out by hand.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { join } from 'node:path';
import pg from 'pg';
import {
  actingAsSystem,
  checkRollups,
  closeDatabase,
  createBudget,
  loadSnapshot,
  migrate,
  openDatabase,
  usageSummary,
  type Db,
} from '@llm-gateway/db';
import { createTestDatabase, startProcess, startRedis, type ChildHandle } from '@llm-gateway/local-services';
import { appendUsage, BudgetLedger, connectRedis, usageBacklog, type Redis } from '@llm-gateway/queue';
import { windowAt, type Budget, type UsageEvent } from '@llm-gateway/shared';
import { foldBudget } from '../src/budgets/fold-budget.js';
import { spanOf } from '../src/budgets/budget-book.js';
import { BudgetBook, type RequestCost } from '../src/index.js';
import { logger, until } from './harness.js';
import { StandInVendors, type Story } from './support/stand-in-vendors.js';

const REQUESTS = 20_000;
const WRITERS = 4;
const CHUNK = 500;
/** A chunk after which a writer is killed, and another one started in its place. */
const isDeadly = (chunk: number): boolean => chunk % 6 === 3;

let redis: Redis;
let db: Db;
let sql: pg.Pool;
let env: Record<string, string>;
let release: () => Promise<unknown>;
const writers: Promise<ChildHandle>[] = [];

beforeAll(async () => {
  const [database, server] = await Promise.all([createTestDatabase(), startRedis()]);
  await migrate(database.url);
  redis = connectRedis(server.url, 'patient', logger);
  db = openDatabase(database.url);
  sql = new pg.Pool({ connectionString: database.url, options: '-c search_path=llm_gateway_test', max: 1 });
  sql.on('error', () => undefined);
  release = () => Promise.all([database.drop(), server.stop()]);
  env = {
    PATH: process.env['PATH'] ?? '',
    DATABASE_URL: database.url,
    REDIS_URL: server.url,
    ENCRYPTION_KEYS: `k:${Buffer.alloc(32, 1).toString('base64')}`,
    LOG_LEVEL: 'info',
    HEALTH_FILE: '/dev/null',
  };
  for (const fields of BUDGETS) await createBudget(actingAsSystem(db), { ...fields, softLimitNanoUsd: null, webhookUrl: null });
  for (let index = 0; index < WRITERS; index++) writers.push(startWriter());
  await Promise.all(writers);
}, 60_000);
afterAll(async () => {
  for (const writer of await Promise.all(writers)) writer.kill('SIGKILL');
  await Promise.all((await Promise.all(writers)).map((writer) => writer.exited));
  redis.disconnect();
  await Promise.all([closeDatabase(db), sql.end()]);
  await release();
}, 60_000);

/** The built worker; it has no lanes to serve here. */
const startWriter = () => startProcess({ name: 'writer', entry: join('apps', 'worker', 'dist', 'main.js'), env: env });

const LIMIT = { hardLimitNanoUsd: 4_000_000_000_000_000 };
const BUDGETS = [
  { scope: 'all', customerId: null, service: null, window: 'month', ...LIMIT },
  { scope: 'service', customerId: null, service: 'seo', window: 'day', ...LIMIT },
  { scope: 'customer', customerId: 'customer-1', service: null, window: 'day', ...LIMIT },
  { scope: 'customer', customerId: 'customer-2', service: null, window: 'month', ...LIMIT },
] satisfies Omit<Budget, 'id' | 'softLimitNanoUsd'>[];

/** What {@link finish} does with a request's end: the budgets first, then the stream. One process in seven dies in between. */
async function deliver(book: BudgetBook, stories: readonly Story[], deadly: boolean): Promise<void> {
  const costs = stories.flatMap(({ reckoned }, index): RequestCost[] => (index % 7 === 0 ? [] : [reckoned]));
  await book.settle('reckoned', costs);
  const events = stories.flatMap(({ events: each }) => each);
  // Sent again by a connection that broke before its answer, at once or after the others.
  const again = events.filter((_, index) => index % 3 === 0);
  await Promise.all([...events, ...again].map((event) => appendUsage(redis, requestOf(event), event)));
  if (!deadly) return;
  // In the middle of its work: there is more waiting than writers have in their hands.
  expect((await usageBacklog(redis)).waiting).toBeGreaterThan(0);
  const victim = await writers.shift();
  victim?.kill('SIGKILL');
  writers.push(startWriter());
}

const requestOf = ({ log, attempts }: UsageEvent): string => log?.id ?? attempts[0]?.requestId ?? '';
const text = async (query: string): Promise<string> =>
  Object.values((await sql.query<Record<string, unknown>>(query)).rows[0] ?? {}).join(' ');

describe('20,000 requests over four writers that are killed, with a third of the events delivered twice', () => {
  it('leave rows, sums and the counters in Redis that agree with the vendors to the last nano-dollar', async () => {
    const snapshot = await loadSnapshot(db);
    const ledger = new BudgetLedger(redis);
    const book = new BudgetBook({ ledger, db, current: () => snapshot });
    // A while ago, as if a backlog were worked off: so the counters are made of both what is told to them and what rows say.
    const vendors = new StandInVendors(Date.now() - 20 * 60_000, 17 * 60_000);
    for (const budget of snapshot.budgets) for (const at of [vendors.from, vendors.to]) await book.open(budget, at);
    for (let chunk = 0; chunk * CHUNK < REQUESTS; chunk++)
      await deliver(
        book,
        Array.from({ length: CHUNK }, () => vendors.serve()),
        isDeadly(chunk),
      );
    await until(async () => (await usageBacklog(redis)).waiting === 0, 90_000);
    expect((await usageBacklog(redis)).dead).toBe(0);

    const usd = (nano: number) => (nano / 1e9).toFixed(9);
    const { billed, calls } = vendors;
    expect(await text('SELECT count(*), sum(cost_usd) FROM llm_usage_logs')).toBe(`${REQUESTS} ${usd(billed.total)}`);
    expect(await text('SELECT count(*), sum(cost_usd) FROM llm_usage_attempts')).toBe(`${calls} ${usd(billed.total)}`);
    const cells = await sql.query<{ provider: string; cost: string; waste: string }>(
      `SELECT provider, sum(cost_nano_usd)::text AS cost, sum(wasted_nano_usd)::text AS waste FROM llm_usage_rollups
       WHERE dimensions = 4 AND grain = 'hour' AND provider <> '' GROUP BY 1 ORDER BY 1`,
    );
    expect(cells.rows).toEqual(
      ['alpha', 'beta'].map((provider) => ({
        provider,
        cost: String(billed.byProvider[provider]),
        waste: String(billed.wasteByProvider[provider]),
      })),
    );
    const span = { from: new Date(vendors.from), to: new Date(vendors.to) };
    expect(await usageSummary(db, span)).toMatchObject({ requests: REQUESTS, cost_usd: billed.total / 1e9 });
    for (const month of await checkRollups(db, span)) expect(month).toMatchObject({ wrongDays: [], wrongMonth: false });

    for (const budget of snapshot.budgets) {
      for (const at of [vendors.from, vendors.to]) {
        const name = windowAt(budget.window, at).name;
        // As a worker does twice a minute.
        await foldBudget({ ledger, db }, budget, spanOf(budget, at));
        const [standing] = await ledger.look([spanOf(budget, at)]);
        expect([budget.scope, name, standing?.spentNanoUsd, standing?.reservedNanoUsd]).toEqual([
          budget.scope,
          name,
          vendors.spentIn(budget, name),
          0,
        ]);
      }
    }
  }, 180_000);
});

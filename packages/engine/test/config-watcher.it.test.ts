import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { actingAsSystem, closeDatabase, createBudget, migrate, openDatabase, type BudgetInput, type Db } from '@llm-gateway/db';
import { createTestDatabase, startFaultProxy, type ProxyFaults } from '@llm-gateway/local-services';
import { readConfigMirror, writeConfigMirror, type Redis } from '@llm-gateway/queue';
import type { ConfigSnapshot } from '@llm-gateway/shared';
import { ConfigWatcher } from '../src/index.js';
import { logger, startHarness, unreachableDatabase, until, type Harness } from './harness.js';
import { providerConfig } from './samples.js';

const closers: (() => unknown)[] = [];
let harness: Harness;
let redis: Redis;

beforeEach(async () => {
  harness = await startHarness();
  redis = await harness.client();
  closers.push(() => harness.close());
});
// After each, and the watcher first: it would go on asking a database that is closed.
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function watcherOn(db: Db): Promise<{ watcher: ConfigWatcher; seen: ConfigSnapshot[] }> {
  const watcher = new ConfigWatcher({ db, redis, subscriber: await harness.client(), logger });
  const seen: ConfigSnapshot[] = [];
  watcher.onChange((snapshot) => seen.push(snapshot));
  closers.unshift(() => watcher.stop());
  await watcher.start();
  return { watcher, seen };
}

async function unreachable(): Promise<Db> {
  const { db, close } = await unreachableDatabase();
  closers.push(close);
  return db;
}

const MIRRORED: ConfigSnapshot = { version: 7, providers: [providerConfig()], overrides: [], budgets: [], unreadable: [] };

const BUDGET: BudgetInput = {
  scope: 'all',
  customerId: null,
  service: null,
  window: 'day',
  softLimitNanoUsd: 5,
  hardLimitNanoUsd: null,
  webhookUrl: null,
};

describe('without PostgreSQL, the configuration', () => {
  it('is the one mirrored in Redis, from the start', async () => {
    await writeConfigMirror(redis, MIRRORED);
    const { watcher, seen } = await watcherOn(await unreachable());
    expect(watcher.loaded).toBe(true);
    expect(watcher.current()).toEqual(MIRRORED);
    expect(seen).toEqual([MIRRORED]);
  });

  it('is said not to be loaded where there is no mirror, and is taken from one that comes later', async () => {
    const { watcher, seen } = await watcherOn(await unreachable());
    expect(watcher.loaded).toBe(false);
    expect(seen).toEqual([]);
    await writeConfigMirror(redis, MIRRORED);
    await until(() => watcher.loaded);
    expect(watcher.current()).toEqual(MIRRORED);
  });
});

describe('cut off from PostgreSQL after its start, the configuration', () => {
  it.each<[string, ProxyFaults]>([
    ['refuses', { refuse: true }],
    ['is silent', { requests: { hold: true } }],
  ])(
    'follows what the others have read there, within two seconds, where the database %s',
    async (_how, faults) => {
      const database = await createTestDatabase();
      await migrate(database.url);
      const url = new URL(database.url);
      const proxy = await startFaultProxy(Number(url.port));
      url.port = String(proxy.port);
      const [near, far] = [openDatabase(database.url), openDatabase(url.href, { statementTimeoutMs: 1_000 })];
      closers.push(
        async () => {
          proxy.clear();
          await Promise.all([closeDatabase(near), closeDatabase(far)]);
          await proxy.stop();
        },
        () => database.drop(),
      );
      const [{ watcher: others }, { watcher: mine, seen }] = [await watcherOn(near), await watcherOn(far)];
      proxy.set(faults);
      if (faults.refuse) proxy.reset();
      await until(() => mine.unconfirmedMs > 2_000);
      await createBudget(actingAsSystem(near), BUDGET);
      await others.changed();
      await until(() => mine.current().budgets.length === 1, 2_000);

      // A mirror that falls behind takes nothing back.
      const { version } = mine.current();
      await writeConfigMirror(redis, { ...mine.current(), version: version - 1, budgets: [] }, version);
      const silentMs = mine.unconfirmedMs;
      await until(() => mine.unconfirmedMs > silentMs + 1_500);
      expect(seen.at(-1)?.budgets).toHaveLength(1);
    },
    30_000,
  );
});

describe('with PostgreSQL, the configuration', () => {
  it('is the one of the database, whatever the mirror says, and is mirrored', async () => {
    const database = await createTestDatabase();
    await migrate(database.url);
    const db = openDatabase(database.url);
    closers.push(
      () => closeDatabase(db),
      () => database.drop(),
    );
    await writeConfigMirror(redis, { ...MIRRORED, version: -1 });
    const { watcher } = await watcherOn(db);
    expect(watcher.current().providers).toEqual([]);
    await until(async () => (await readConfigMirror(redis))?.version === watcher.current().version);
  });

  it('takes the place of a mirror that is newer by its number and not of this database', async () => {
    const database = await createTestDatabase();
    await migrate(database.url);
    const db = openDatabase(database.url);
    closers.push(
      () => closeDatabase(db),
      () => database.drop(),
    );
    await writeConfigMirror(redis, { ...MIRRORED, version: 500 });
    const { watcher } = await watcherOn(db);
    expect(watcher.current().providers).toEqual([]);
    await until(async () => (await readConfigMirror(redis))?.version === watcher.current().version);
    expect((await readConfigMirror(redis))?.providers).toEqual([]);
  });
});

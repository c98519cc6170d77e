import { appendFile, mkdtemp, readdir, readFile, rename, rm, unlink, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestHead } from '@llm-gateway/queue';
import { createLogger, newRequestId, type UsageAttempt, type UsageEvent } from '@llm-gateway/shared';
import { openAttempt } from '../src/attempt/attempt-row.js';
import { refusedEvent } from '../src/finish/usage-log.js';
import { UsageSpool } from '../src/index.js';
import { until } from './harness.js';
import { providerConfig, request } from './samples.js';

const logger = createLogger({ name: 'test', level: 'silent' });
let directory: string;
let spools: UsageSpool[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-test-'));
  spools = [];
});
afterEach(async () => {
  await Promise.all(spools.map((spool) => spool.close(100)));
  await rm(directory, { recursive: true, force: true });
});

/** A store that can be away, and what it has been given by request. */
class Store {
  away = false;
  refusals = 0;
  failure = new Error('away');
  readonly events: UsageEvent[] = [];
  readonly ids = () => new Set(this.events.flatMap(({ log }) => log?.id ?? []));
  readonly store = (events: readonly UsageEvent[]): Promise<void> => {
    if (this.away) {
      this.refusals++;
      return Promise.reject(this.failure);
    }
    this.events.push(...events);
    return Promise.resolve();
  };
}

async function start(owner: string, store: Store, more: { maxBytes?: number; silenceMs?: number } = {}): Promise<UsageSpool> {
  const spool = new UsageSpool({ directory, owner, maxBytes: 1_000_000, logger, ...more, store: store.store });
  await spool.start();
  spools.push(spool);
  return spool;
}

const head = (id = newRequestId()): RequestHead => ({
  id,
  createdAt: 1_790_000_000_000,
  deadline: 1_790_000_005_000,
  service: 'blog',
  customerId: null,
  keyId: null,
  metadata: {},
  replyTo: null,
  flight: null,
  cacheStatus: 'MISS',
  cache: null,
  resultTtlSeconds: 60,
  priority: 5,
  cancellable: true,
  lanes: ['openai-main'],
  relatedTo: null,
});
const event = (asker = head()): UsageEvent => refusedEvent(asker, 'unavailable', 'MISS');
const opened = ({ id }: RequestHead): UsageAttempt =>
  openAttempt({
    requestId: id,
    number: 1,
    provider: providerConfig(),
    model: 'gpt-4o-mini',
    request: request(),
    limiterMs: 0,
    worker: 'api-1',
  });
const files = async () => (await readdir(directory)).filter((name) => name.endsWith('.jsonl'));

const written = async () => (await Promise.all((await files()).map((name) => readFile(join(directory, name), 'utf8')))).join('');

describe('rows of direct mode', () => {
  it('are stored in a moment, and leave nothing behind', async () => {
    const store = new Store();
    const spool = await start('api-1', store);
    const events = Array.from({ length: 1_200 }, () => event());
    for (const each of events) spool.record(each);
    await until(() => store.ids().size === 1_200);
    await spool.close(1_000);
    expect(await readdir(directory)).toEqual([]);
  });

  it('wait for as long as the store is away, and are then stored, each once', async () => {
    const store = new Store();
    store.away = true;
    const spool = await start('api-1', store);
    for (let i = 0; i < 3; i++) {
      spool.record(event());
      await until(async () => (await files()).length >= Math.min(i + 1, 1));
    }
    store.away = false;
    await until(() => store.events.length === 3);
    expect(store.ids().size).toBe(3);
  });

  it('are kept where the store says of itself what a missing file says: its Unix socket is gone', async () => {
    const store = new Store();
    store.away = true;
    store.failure = Object.assign(new Error('connect ENOENT /run/.s.PGSQL.5432'), { code: 'ENOENT' });
    const spool = await start('api-1', store);
    spool.record(event());
    await until(() => store.refusals >= 2);
    store.away = false;
    await until(() => store.events.length === 1);
  });

  it('make direct mode refuse when the bound is reached, until they are stored', async () => {
    const store = new Store();
    store.away = true;
    const spool = await start('api-1', store, { maxBytes: 2_000 });
    expect(spool.hasRoom()).toBe(true);
    for (let i = 0; i < 5; i++) spool.record(event());
    expect(spool.hasRoom()).toBe(false);
    store.away = false;
    await until(() => spool.hasRoom());
    expect(store.ids().size).toBe(5);
  });
});

describe('a process that was killed', () => {
  it('is survived by its rows, its torn last line by nothing, and what it died over gets a row that says so', async () => {
    // A killed process: its timers stand still, its files stay as they are.
    const never = new Store();
    never.away = true;
    const killed = await start('api-1', never, { silenceMs: 300_000 });
    const [ended, under] = [head(), head()];
    const attempt = opened(under);
    await killed.opened(ended, [opened(ended)]);
    await killed.opened(under, [attempt]);
    killed.record(event(ended));
    await until(async () => (await written()).includes('"event"'));
    const copy = await written();
    await killed.close(10);
    for (const name of await readdir(directory)) await unlink(join(directory, name));
    await appendFile(join(directory, 'api-1.1.api-1.jsonl'), `${copy}{"event":{"v":1,"log":{"id":"to`);
    await appendFile(join(directory, 'api-1.alive'), '');
    await utimes(join(directory, 'api-1.alive'), 1_000, 1_000);

    const store = new Store();
    await start('api-2', store);
    await until(() => store.ids().size === 2);
    const lost = store.events.find(({ log }) => log?.id === under.id);
    expect(lost?.log).toMatchObject({ status: 'error', errorCode: 'timeout', latencyMs: 5_000, attemptCount: 1 });
    expect(lost?.attempts).toEqual([attempt]);
    expect(attempt).toMatchObject({ status: 'abandoned', estimated: true });
    expect(store.events.find(({ log }) => log?.id === ended.id)?.attempts).toEqual([]);
    await until(async () => !(await files()).some((name) => name.includes('.api-1.')));
    expect((await readdir(directory)).filter((name) => name.endsWith('.bad'))).toEqual([]);
  });

  it('is not what a living one is: nobody takes its files', async () => {
    const waiting = new Store();
    waiting.away = true;
    const living = await start('api-1', waiting);
    living.record(event());
    await until(async () => (await files()).length === 1);
    const other = new Store();
    await start('api-2', other);
    expect(await files()).toEqual([expect.stringMatching(/^api-1\./)]);
    waiting.away = false;
    await until(() => waiting.events.length === 1);
    expect(other.events).toEqual([]);
  });

  it('only stood still, and loses nothing that it writes after its files were taken', async () => {
    const store = new Store();
    const frozen = await start('api-1', store);
    store.away = true;
    frozen.record(event());
    await until(async () => (await files()).length === 1);
    const [name] = await files();
    // As another process takes a file over.
    await rename(join(directory, name as string), join(directory, 'api-9.1.api-1.jsonl'));
    await unlink(join(directory, 'api-9.1.api-1.jsonl'));
    const late = head();
    frozen.record(event(late));
    store.away = false;
    await until(() => store.ids().has(late.id));
  });
});

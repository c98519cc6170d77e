import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestHead } from '@llm-gateway/queue';
import { createLogger, newRequestId, type UsageAttempt, type UsageEvent } from '@llm-gateway/shared';
import { openAttempt } from '../src/attempt/attempt-row.js';
import { refusedEvent } from '../src/finish/usage-log.js';
import { UsageSpool } from '../src/index.js';
import { listSegments, takeOver } from '../src/usage/spool/segment.js';
import { SpoolFile } from '../src/usage/spool/spool-file.js';
import { eventLine, openLine } from '../src/usage/spool/spool-line.js';
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
    for (const each of events) void spool.record(each);
    await until(() => store.ids().size === 1_200);
    await spool.close(1_000);
    expect(await readdir(directory)).toEqual([]);
  });

  it('stand in a file before their caller hears of them', async () => {
    const store = new Store();
    store.away = true;
    const spool = await start('api-1', store);
    let inTime = 0;
    for (let i = 0; i < 20; i++) {
      const asker = head();
      const began = performance.now();
      await spool.record(event(asker));
      // Nobody waits longer for a busy disk.
      if (performance.now() - began >= 49) continue;
      inTime++;
      expect(await written()).toContain(asker.id);
    }
    expect(inTime).toBeGreaterThan(0);
  });

  it('wait for as long as the store is away, and are then stored, each once', async () => {
    const store = new Store();
    store.away = true;
    const spool = await start('api-1', store);
    for (let i = 0; i < 3; i++) {
      void spool.record(event());
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
    void spool.record(event());
    await until(() => store.refusals >= 2);
    store.away = false;
    await until(() => store.events.length === 1);
  });

  it('make direct mode refuse when the bound is reached, until they are stored', async () => {
    const store = new Store();
    store.away = true;
    const spool = await start('api-1', store, { maxBytes: 2_000 });
    expect(spool.hasRoom()).toBe(true);
    for (let i = 0; i < 5; i++) void spool.record(event());
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
    void killed.record(event(ended));
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
    void living.record(event());
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
    void frozen.record(event());
    await until(async () => (await files()).length === 1);
    const [name] = await files();
    // As another process takes a file over.
    await rename(join(directory, name as string), join(directory, 'api-9.1.api-1.jsonl'));
    await unlink(join(directory, 'api-9.1.api-1.jsonl'));
    const late = head();
    void frozen.record(event(late));
    store.away = false;
    await until(() => store.ids().has(late.id));
  });
});

describe('the folder', () => {
  it('is refused where others can write into it', async () => {
    await chmod(directory, 0o770);
    await expect(start('api-1', new Store())).rejects.toThrow('mode 0700');
  });
});

describe("a file in nobody's hands", () => {
  it('is stored as well: one of ours that was given up after an error, and one of the dead that could not be read at once', async () => {
    const store = new Store();
    await start('api-1', store);
    const [own, ended, under] = [head(), head(), head()];
    await appendFile(join(directory, 'api-1.70.api-1.jsonl'), openLine({ head: head(), attempts: [] }) + eventLine(event(own)));
    await appendFile(join(directory, 'api-1.71.api-0.jsonl'), openLine({ head: under, attempts: [] }) + eventLine(event(ended)));
    await until(() => store.ids().size === 3);
    expect(store.ids()).toEqual(new Set([own.id, ended.id, under.id]));
    await until(async () => !(await files()).some((name) => /\.7[01]\./.test(name)));
  });

  it('has its damaged lines set aside once, however often it is read', async () => {
    const store = new Store();
    store.away = true;
    await appendFile(join(directory, 'api-0.1.api-0.jsonl'), `damaged\n${eventLine(event())}`);
    await start('api-1', store);
    await until(() => store.refusals >= 2);
    store.away = false;
    await until(() => store.events.length === 1);
    expect(await readFile(join(directory, 'api-1.bad'), 'utf8')).toBe('damaged\n');
  });

  it('is not left behind by each try to begin one', async () => {
    const store = new Store();
    const spool = await start('api-1', store);
    let tries = 0;
    const broken = Object.assign(head(), {
      toJSON: (): unknown => {
        tries++;
        if (tries === 2 || tries === 3) throw new Error('not now');
        return {};
      },
    });
    await spool.opened(broken, []);
    await until(() => tries >= 4);
    expect(await openHandles()).toBeLessThanOrEqual(1);
  });

  it("is not taken for another process's where nobody can tell whose it is", async () => {
    await mkdir(join(directory, 'here'));
    const file = await SpoolFile.create(join(directory, 'here', 'api-1.1.api-1.jsonl'));
    await rename(join(directory, 'here'), join(directory, 'there'));
    await writeFile(join(directory, 'here'), '');
    await expect(file.append('line\n', 1)).rejects.toMatchObject({ code: 'ENOTDIR' });
    await unlink(join(directory, 'here'));
    await expect(file.append('line\n', 1)).resolves.toBe(false);
    await file.close();
  });
});

describe('a process that is taken for dead', () => {
  it('is inherited by one, however many look at once', async () => {
    for (let i = 1; i <= 20; i++) await writeFile(join(directory, `api-0.${i}.api-0.jsonl`), '');
    await writeFile(join(directory, 'api-0.alive'), '');
    await utimes(join(directory, 'api-0.alive'), 1_000, 1_000);
    const heirs = ['api-1', 'api-2', 'api-3', 'api-4'];
    for (const heir of heirs) await writeFile(join(directory, `${heir}.alive`), '');
    let numbers = 0;
    await Promise.all(heirs.map((heir) => takeOver(directory, heir, 10_000, () => ++numbers)));
    const names = await listSegments(directory);
    expect(names).toHaveLength(20);
    expect(new Set(names.map(({ holder }) => holder)).size).toBe(1);
    expect((await readdir(directory)).filter((name) => !name.endsWith('.jsonl'))).toEqual(heirs.map((heir) => `${heir}.alive`));
  });

  it('is left alone while one is at it, until that one has been silent for too long itself', async () => {
    // Its sign of life is gone: another has taken half of its files just now.
    await writeFile(join(directory, 'api-0.2.api-0.jsonl'), '');
    await writeFile(join(directory, 'take-over.lock'), '');
    const look = async () => {
      await takeOver(directory, 'api-1', 10_000, () => 1);
      return files();
    };
    expect(await look()).toEqual(['api-0.2.api-0.jsonl']);
    await utimes(join(directory, 'take-over.lock'), 1_000, 1_000);
    await look();
    expect(await look()).toEqual(['api-1.1.api-0.jsonl']);
  });

  it('may stand still only: its requests are not lost before their time is over', async () => {
    const under = { ...head(), deadline: Date.now() + 1_500 };
    await appendFile(join(directory, 'api-0.1.api-0.jsonl'), openLine({ head: under, attempts: [] }));
    const store = new Store();
    await start('api-1', store);
    await until(async () => !(await files()).some((name) => name.includes('.api-0.')));
    expect(await written()).toContain(under.id);
    await until(() => store.ids().has(under.id));
    expect(Date.now()).toBeGreaterThanOrEqual(under.deadline);
  });
});

/** Of this process, in the test's folder; where the system does not tell, none. */
async function openHandles(): Promise<number> {
  const handles = await readdir('/proc/self/fd').catch(() => []);
  const paths = await Promise.all(handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(directory)).length;
}

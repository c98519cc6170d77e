import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { STAND_IN_MODELS } from '@llm-gateway/local-services';
import type { ProviderType } from '@llm-gateway/shared';
import { ADMIN_KEY, Cluster, SERVICE_KEY, until } from './cluster.js';

interface Job {
  id: string;
  status: string;
  provider: string;
  replay_of?: string;
  replayed_by?: string;
  result?: { content: string; model: string; provider: string };
  error?: { code: string };
}
interface Replayed {
  matched: number;
  already_replayed: number;
  replayed: number;
  remaining: number;
  stopped: string | null;
  jobs: { id: string; replay: string }[];
  refused: { code: string }[];
}

let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ apis: 2, workers: 2 });
  const only = (type: ProviderType) => ({ type, models: [STAND_IN_MODELS[type]] });
  await cluster.provider({ name: 'broken', ...only('claude'), priority: 1 });
  await cluster.provider({ name: 'spare', ...only('openai'), priority: 2, max_concurrency: 20 });
  await cluster.provider({ name: 'slow', ...only('mistral'), priority: 3, rpm_limit: 5 });
  await cluster.lanesServed(['broken', 'spare', 'slow']);
}, 60_000);
afterAll(() => cluster.stop(), 60_000);
beforeEach(() => {
  cluster.upstream.reset();
  cluster.upstream.respond(({ label }) => (label === 'broken' ? { status: 500 } : {}));
});

async function enqueue(request: object): Promise<string> {
  const response = await fetch(cluster.url('/api/v1/generate?mode=async'), {
    method: 'POST',
    headers: { 'x-service-key': SERVICE_KEY, 'content-type': 'application/json' },
    body: JSON.stringify({ service: 'test', provider: 'broken', fallback: false, ...request }),
  });
  expect(response.status).toBe(202);
  return ((await response.json()) as { id: string }).id;
}

const job = async (id: string) => (await cluster.admin('GET', `/api/v1/jobs/${id}`, undefined, 1)).body as Job;
const ended = async (id: string): Promise<Job> => {
  await until(async () => ['completed', 'failed', 'cancelled'].includes((await job(id)).status), 30_000);
  return job(id);
};
/** @returns the ids of as many failed jobs, of prompts `<what> 0`, `<what> 1`, … */
async function fail(what: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  const numbers = Array.from({ length: count }, (_, index) => index).values();
  const inTurn = async () => {
    for (const index of numbers) ids.push(await enqueue({ prompt: `${what} ${index}`, customer_id: what }));
  };
  await Promise.all(Array.from({ length: 16 }, inTurn));
  const last = async () => {
    const query = `SELECT count(*) AS n FROM llm_usage_logs WHERE customer_id = $1 AND status = 'error'`;
    return Number((await cluster.rows<{ n: string }>(query, [what]))[0]?.n);
  };
  await until(async () => (await last()) === count, 60_000);
  return ids;
}
const replayAll = async (order: object, api = 0): Promise<Replayed> =>
  (await cluster.admin('POST', '/api/v1/jobs/replay', { dry_run: false, ...order }, api)).body;

describe('a failed job that is run again', () => {
  it('goes elsewhere if asked, as a request of its own that is linked with the first', async () => {
    const id = await enqueue({
      prompt: 'second chance',
      model: 'claude-sonnet-4-5',
      customer_id: 'acme',
      metadata: { page: '7' },
    });
    expect(await ended(id)).toMatchObject({ status: 'failed', provider: 'broken', error: { code: 'provider_error' } });
    const { status, body } = await cluster.admin('POST', `/api/v1/jobs/${id}/replay`, { provider: 'spare' }, 1);
    const replay = body as { id: string };
    expect([status, body]).toMatchObject([202, { status: 'queued', replay_of: id }]);
    expect(await ended(replay.id)).toMatchObject({
      status: 'completed',
      replay_of: id,
      result: { content: 'You said: second chance', model: 'gpt-4o-mini', provider: 'spare' },
    });
    expect(await job(id)).toMatchObject({ status: 'failed', replayed_by: replay.id });
    await until(async () => (await cluster.rows('SELECT 1 FROM llm_usage_logs WHERE id = $1', [replay.id])).length === 1, 5_000);
    const rows = await cluster.rows('SELECT * FROM llm_usage_logs WHERE id = ANY($1) ORDER BY created_at', [[id, replay.id]]);
    expect(rows).toMatchObject([
      { id, status: 'error', related_to: null },
      {
        id: replay.id,
        status: 'ok',
        related_to: id,
        customer_id: 'acme',
        service: 'test',
        metadata: { page: '7' },
        provider: 'spare',
      },
    ]);
    const audit = await cluster.rows('SELECT action, after FROM llm_audit_logs WHERE target_id = $1', [id]);
    expect(audit).toEqual([{ action: 'job.replay', after: { replay: replay.id, provider: 'spare' } }]);
    // Its first caller may read what came of it.
    const asCaller = await fetch(cluster.url(`/api/v1/jobs/${replay.id}`), { headers: { 'x-service-key': SERVICE_KEY } });
    expect(asCaller.status).toBe(200);
  });

  it('is run again at each call, but once with one idempotency key', async () => {
    const id = await enqueue({ prompt: 'again and again' });
    await ended(id);
    const replay = async (headers: Record<string, string> = {}) => {
      const response = await fetch(cluster.url(`/api/v1/jobs/${id}/replay`), {
        method: 'POST',
        headers: { 'x-service-key': ADMIN_KEY, 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ provider: 'spare' }),
      });
      return ((await response.json()) as { id: string }).id;
    };
    const keyed = await Promise.all([replay({ 'idempotency-key': 'k' }), replay({ 'idempotency-key': 'k' })]);
    expect(new Set(keyed).size).toBe(1);
    await ended(keyed[0]);
    expect(await replay()).not.toBe(keyed[0]);
  });

  it('asks anew where the job had been answered, and past the cache', async () => {
    const id = await enqueue({ prompt: 'once more', provider: 'spare' });
    expect(await ended(id)).toMatchObject({ status: 'completed' });
    cluster.upstream.respond({ content: 'a better answer' });
    const { body } = await cluster.admin('POST', `/api/v1/jobs/${id}/replay`);
    expect(await ended((body as { id: string }).id)).toMatchObject({ result: { content: 'a better answer' } });
  });
});

describe('a thousand failed jobs', () => {
  it('run again twice, from two replicas at once, are each answered once, within the limits of their new provider', async () => {
    const failed = await fail('thousand', 1_000);
    cluster.upstream.reset();
    const order = { filter: { customer_id: 'thousand' }, provider: 'spare', max: 1_000 };
    expect(await replayAll({ ...order, dry_run: true })).toMatchObject({ matched: 1_000, replayed: 1_000, already_replayed: 0 });
    expect(cluster.upstream.counts.total).toBe(0);

    const both = await Promise.all([replayAll(order, 0), replayAll(order, 1)]);
    const replays = both.flatMap(({ jobs }) => jobs);
    expect(both.map(({ stopped, refused }) => [stopped, refused])).toEqual([
      [null, []],
      [null, []],
    ]);
    expect(new Set(replays.map(({ id }) => id))).toEqual(new Set(failed));
    expect(replays).toHaveLength(1_000);
    expect(await replayAll(order)).toMatchObject({ matched: 0, already_replayed: 1_000, replayed: 0 });

    const answered = async () => {
      const query = `SELECT count(*) AS n FROM llm_usage_logs WHERE customer_id = 'thousand' AND status = 'ok'`;
      return Number((await cluster.rows<{ n: string }>(query))[0]?.n);
    };
    await until(async () => (await answered()) === 1_000, 60_000);
    expect(cluster.upstream.counts.total).toBe(1_000);
    expect(new Set(cluster.upstream.calls.map(({ prompt }) => prompt)).size).toBe(1_000);
    expect(cluster.upstream.counts.peak).toBeLessThanOrEqual(20);
    const rows = await cluster.rows<{ id: string; related_to: string }>(
      `SELECT id, related_to FROM llm_usage_logs WHERE customer_id = 'thousand' AND related_to IS NOT NULL`,
    );
    expect(new Map(rows.map((row) => [row.related_to, row.id]))).toEqual(new Map(replays.map(({ id, replay }) => [id, replay])));
    const attempts = await cluster.rows(`SELECT 1 FROM llm_usage_attempts WHERE provider = 'spare' AND request_id = ANY($1)`, [
      replays.map(({ replay }) => replay),
    ]);
    expect(attempts).toHaveLength(1_000);
  }, 180_000);
});

describe('many jobs run again', () => {
  it('never pass the requests a minute of their new provider', async () => {
    await fail('minute', 12);
    cluster.upstream.reset();
    const { jobs } = await replayAll({ filter: { customer_id: 'minute' }, provider: 'slow', timeout_ms: 8_000 });
    expect(jobs).toHaveLength(12);
    const ends = await Promise.all(jobs.map(({ replay }) => ended(replay)));
    // Twice five where a minute of the limiter ends just now.
    const answered = cluster.upstream.counts.total;
    expect([5, 10]).toContain(answered);
    expect(ends.filter(({ status }) => status === 'completed')).toHaveLength(answered);
    expect(ends.filter(({ error }) => error?.code === 'rate_limited')).toHaveLength(12 - answered);
    // What failed again may be run once more; what was answered is left alone.
    const next = await replayAll({ filter: { customer_id: 'minute' }, dry_run: true });
    expect(next).toMatchObject({ matched: 12 - answered, already_replayed: 12 });
  }, 120_000);
});

describe('npm run jobs', () => {
  const cli = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      const env = { PATH: process.env.PATH, LGW_URL: cluster.url(''), LGW_ADMIN_KEY: ADMIN_KEY };
      execFile(process.execPath, [join('apps', 'cli', 'dist', 'main.js'), 'jobs', ...args], { env }, (error, out, err) =>
        resolve({ code: error ? Number(error.code) : 0, out, err }),
      );
    });

  it('lists, shows, replays and cancels, the last two only when told to, and it is on record', async () => {
    const [id = ''] = await fail('cli', 1);
    const filter = ['--customer', 'cli', '--json'];
    const listed = JSON.parse((await cli('list', ...filter)).out) as { jobs: Job[] };
    expect(listed).toMatchObject({ jobs: [{ id, status: 'failed' }], more: false });
    expect((await cli('list', '--customer', 'cli')).out).toContain(id);
    expect(JSON.parse((await cli('show', id)).out)).toMatchObject([{ id, error: { code: 'provider_error' } }]);
    expect((await cli('replay', '--customer', 'cli')).out).toContain('add --apply');
    expect(await job(id)).not.toHaveProperty('replayed_by');
    const replayed = JSON.parse((await cli('replay', ...filter, '--on-provider', 'spare', '--apply')).out) as Replayed;
    expect(await ended(replayed.jobs[0]?.replay ?? '')).toMatchObject({ status: 'completed', replay_of: id });
    const again = (...where: string[]) => cli('replay', id, '--again', ...where, '--apply', '--json');
    const turnedAway = await again('--on-model', 'none-has-it');
    expect([turnedAway.code, JSON.parse(turnedAway.out)]).toMatchObject([2, { refused: [{ id, code: 'no_provider' }] }]);
    const nowhere = await again('--on-provider', 'nobody');
    expect([nowhere.code, nowhere.out]).toEqual([1, '']);
    expect(nowhere.err).toContain('there is no provider with the name or type nobody');

    cluster.upstream.respond({ hang: 'headers' });
    const hanging = await enqueue({ prompt: 'endless', cache: { mode: 'off' }, provider: 'spare' });
    expect((await cli('cancel', hanging)).out).toContain('add --apply');
    expect(['queued', 'active']).toContain((await job(hanging)).status);
    await cli('cancel', hanging, '--apply');
    expect(await ended(hanging)).toMatchObject({ status: 'cancelled' });
    const entries = await cluster.rows<{ action: string }>('SELECT action FROM llm_audit_logs WHERE target = $1', ['job']);
    expect(entries.map(({ action }) => action)).toEqual(expect.arrayContaining(['job.replay_many', 'job.cancel']));
  }, 60_000);
});

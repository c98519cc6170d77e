import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectRedis, KeptJobs, type Redis } from '@llm-gateway/queue';
import { newRequestId } from '@llm-gateway/shared';
import { ADMIN_KEY, startTestApi, type TestApi } from './support/test-api.js';

const [KEY_A, KEY_B] = ['the-key-of-team-a', 'the-key-of-team-b'];

let api: TestApi;
let redis: Redis;
const ids: Record<'a' | 'b', string[]> = { a: [], b: [] };

const ask = async (key: string, fields: object = {}): Promise<string> => {
  const body = { service: 'tests', prompt: 'a prompt that no list shows', ...fields };
  const answer = await api.call('POST', '/api/v1/generate?mode=async', { key, body });
  expect(answer.status).toBe(202);
  return (answer.body as { id: string }).id;
};
interface Page {
  data: { id: string }[];
  next_cursor: string | null;
}
const list = async (query = '', key = ADMIN_KEY): Promise<Page> =>
  (await api.call('GET', `/api/v1/jobs${query}`, { key })).body as Page;
const idsOf = (page: Pick<Page, 'data'>): string[] => page.data.map(({ id }) => id);
/** @returns a request's id as it would have been at another time (epoch ms). */
function idOf(ms: number): string {
  const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  const time = Array.from({ length: 10 }, (_, index) => digits[Math.floor(ms / 32 ** (9 - index)) % 32]);
  return `req_${time.join('')}${newRequestId().slice(14)}`;
}
const newestFirst = (all: string[]): string[] => all.toSorted().toReversed();

// No worker runs: what is asked waits. A lane may be without workers for 10 s before it takes nothing more, so all is asked at once.
beforeAll(async () => {
  api = await startTestApi({ SERVICE_KEYS: `${KEY_A},${KEY_B}` });
  redis = connectRedis(api.redis.url, 'patient', api.log.logger);
  for (const name of ['one', 'two']) {
    const model = 'gpt-4o-mini';
    const address = 'http://127.0.0.1:9/v1';
    const body = { name, type: 'openai', api_key: `sk-${name}`, base_url: address, default_model: model, models: [model] };
    expect((await api.call('POST', '/api/v1/providers', { body })).status).toBe(201);
  }
  for (let i = 0; i < 6; i++) {
    ids.a.push(await ask(KEY_A, { provider: 'one', fallback: false, customer_id: i < 2 ? 'acme' : 'globex' }));
    ids.b.push(await ask(KEY_B, { provider: 'two', fallback: false, service: 'other' }));
  }
});
afterAll(async () => {
  redis.disconnect();
  await api.end();
});

describe('the list of jobs', () => {
  it('shows an admin everybody’s, newest first, without a word of a prompt', async () => {
    const page = await api.call('GET', '/api/v1/jobs');
    expect(idsOf(page.body as Page)).toEqual(newestFirst([...ids.a, ...ids.b]));
    expect(page.body.data[0]).toMatchObject({ status: 'queued', service: 'other', customer_id: null, provider: 'two' });
    expect(page.text).not.toContain('a prompt that');
  });

  it('shows a caller just those of its own key', async () => {
    expect(idsOf(await list('', KEY_A))).toEqual(newestFirst(ids.a));
    expect(idsOf(await list('', KEY_B))).toEqual(newestFirst(ids.b));
  });

  it('is filtered', async () => {
    expect(idsOf(await list('?provider=one'))).toEqual(newestFirst(ids.a));
    expect(idsOf(await list('?service=other'))).toEqual(newestFirst(ids.b));
    expect(idsOf(await list('?customer_id=acme'))).toEqual(newestFirst(ids.a.slice(0, 2)));
    expect(idsOf(await list('?status=failed'))).toEqual([]);
    expect(idsOf(await list('?to=2020-01-01T00:00:00Z'))).toEqual([]);
    expect(idsOf(await list('?from=2020-01-01T00:00:00Z&status=queued'))).toHaveLength(12);
  });

  it('goes on where its last page ended, whatever comes in meanwhile', async () => {
    const first = await list('?limit=5&provider=one');
    expect(idsOf(first)).toEqual(newestFirst(ids.a).slice(0, 5));
    ids.a.push(await ask(KEY_A, { provider: 'one', fallback: false }));
    const second = await list(`?limit=5&provider=one&cursor=${first.next_cursor}`);
    expect([idsOf(second), second.next_cursor]).toEqual([newestFirst(ids.a).slice(-1), null]);
  });

  it.each(['cursor=nonsense', 'cursor=', 'limit=0', 'status=lost', 'from=yesterday', 'colour=red', 'provider=%00'])(
    'refuses what it does not know: %s',
    async (query) => {
      const { status, body } = await api.call('GET', `/api/v1/jobs?${query}`);
      expect([status, body.error.details[0].path]).toEqual([400, query.split('=')[0]]);
    },
  );
});

describe('a job', () => {
  it('is read and ended by its own caller and by an admin, and is not there for another', async () => {
    const mine = ids.a[0] as string;
    expect((await api.call('GET', `/api/v1/jobs/${mine}`, { key: KEY_A })).body).toMatchObject({ id: mine, status: 'queued' });
    for (const method of ['GET', 'DELETE'])
      expect(await api.call(method, `/api/v1/jobs/${mine}`, { key: KEY_B })).toMatchObject({ status: 404 });
    expect((await api.call('DELETE', `/api/v1/jobs/${mine}`, { key: KEY_A })).body).toMatchObject({ status: 'cancelled' });
    expect((await api.call('DELETE', `/api/v1/jobs/${ids.a[1]}`)).body).toMatchObject({ status: 'cancelled' });
    expect(idsOf(await list('?status=cancelled', KEY_A))).toEqual(newestFirst(ids.a.slice(0, 2)));
    expect(await list('?status=cancelled')).toMatchObject({ data: [{ error: { code: 'cancelled' } }, {}] });
  });

  it('is run again by admins alone, and only once it has ended', async () => {
    const waiting = ids.a[3] as string;
    expect((await api.call('POST', `/api/v1/jobs/${waiting}/replay`, { key: KEY_A })).status).toBe(403);
    expect((await api.call('POST', '/api/v1/jobs/replay', { key: KEY_A, body: { filter: {} } })).status).toBe(403);
    expect(await api.call('POST', `/api/v1/jobs/${waiting}/replay`)).toMatchObject({
      status: 409,
      body: { error: { code: 'conflict' } },
    });
    expect((await api.call('POST', '/api/v1/jobs/req_01K9ZT0Q4M7C6V1B2N3D4F5G6H/replay')).status).toBe(404);
  });

  it.each([
    [{ provider: 'nobody' }, 'provider'],
    [{ colour: 1 }, 'colour'],
    [{ timeout_ms: 5 }, 'timeout_ms'],
    [[], ''],
  ])('is not run again by an order that makes no sense: %j', async (body, path) => {
    const answer = await api.call('POST', `/api/v1/jobs/${ids.a[0]}/replay`, { body });
    expect([answer.status, answer.body.error.details[0].path]).toEqual([400, path]);
  });
});

describe('running many jobs again', () => {
  it('is a dry run unless told otherwise', async () => {
    const { status, body } = await api.call('POST', '/api/v1/jobs/replay', { body: { filter: { status: 'cancelled' }, max: 1 } });
    expect([status, body]).toEqual([
      200,
      {
        dry_run: true,
        matched: 2,
        already_replayed: 0,
        replayed: 1,
        remaining: 1,
        jobs: [{ id: ids.a.slice(0, 2).toSorted()[0], replay: null }],
        refused: [],
        stopped: null,
      },
    ]);
    expect(idsOf(await list('?status=queued&provider=one'))).toHaveLength(5);
  });

  it.each([
    [{ provider: 'nobody' }, 400, 'there is no provider with the name or type nobody'],
    [{ provider: 'claude' }, 503, 'no provider of the type claude is enabled'],
    [{ provider: 'two', model: 'none-has-it' }, 503, 'the provider two does not allow the model none-has-it'],
  ])('is refused, as a dry run too, where the place can run none of them: %j', async (place, status, message) => {
    for (const dry_run of [true, false]) {
      const body = { filter: { status: 'cancelled' }, dry_run, ...place };
      expect(await api.call('POST', '/api/v1/jobs/replay', { body })).toMatchObject({ status, body: { error: { message } } });
    }
  });

  it('says of each job that cannot be run why, and leaves it to be tried again', async () => {
    const order = { filter: { ids: ids.a.slice(0, 2), status: 'cancelled' }, model: 'none-has-it', dry_run: false };
    for (let i = 0; i < 2; i++) {
      const { body } = await api.call('POST', '/api/v1/jobs/replay', { body: order });
      expect(body).toMatchObject({
        matched: 2,
        replayed: 0,
        refused: [{ code: 'no_provider' }, { code: 'no_provider' }],
      });
    }
  });

  it.each([
    ['a replay of half an hour ago that left no trace is taken up', 1_800_000, { matched: 1, already_replayed: 0 }],
    [
      'one so old that its traces may be gone counts as carried out',
      86_400_000,
      { matched: 1, already_replayed: 1, replayed: 0 },
    ],
  ])('runs no job twice: %s', async (_what, ago, expected) => {
    const id = ids.a[0] as string;
    const kept = new KeptJobs(redis);
    const ref = await kept.find(id, ['one']);
    if (!ref) throw new Error(`job ${id} is not kept`);
    await kept.claimReplay(ref, idOf(Date.now() - ago), true);
    const order = { filter: { ids: [id], status: 'cancelled' }, dry_run: false };
    const { body } = await api.call('POST', '/api/v1/jobs/replay', { body: order });
    expect(body).toMatchObject(expected);
  });
});

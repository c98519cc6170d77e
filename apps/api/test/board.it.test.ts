import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from './support/eventually.js';
import { SERVICE_KEY, startTestApi, type TestApi } from './support/test-api.js';

const PATH = '/admin/queues';
const PROMPT = 'the prompt that nobody may see';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await addProvider('board-one');
});
afterAll(() => api.end());

const addProvider = (name: string) =>
  api.call('POST', '/api/v1/providers', { body: { name, type: 'openai', api_key: 'sk-board-secret-1234' } });
const queueNames = async (): Promise<string[]> =>
  ((await api.call('GET', `${PATH}/api/queues`)).body.queues as { name: string }[]).map(({ name }) => name);

describe('the board', () => {
  it('follows the providers', async () => {
    expect(await queueNames()).toEqual(['generate.board-one']);
    const { body } = await addProvider('board-two');
    expect(await queueNames()).toEqual(['generate.board-one', 'generate.board-two']);
    await api.call('DELETE', `/api/v1/providers/${body.id}`);
    expect(await queueNames()).toEqual(['generate.board-one']);
  });

  it('only looks: nothing can be added, retried, paused or emptied', async () => {
    for (const [method, path] of [
      ['POST', 'add'],
      ['PUT', 'empty'],
      ['PUT', 'pause'],
      ['PUT', 'obliterate'],
      ['PATCH', 'some-job/update-data'],
    ] as const) {
      const { status } = await api.call(method, `${PATH}/api/queues/generate.board-one/${path}`, { body: {} });
      expect([path, status]).toEqual([path, 403]);
    }
    expect((await api.call('PUT', `${PATH}/api/queues/pause`, { body: {} })).status).toBe(403);
    expect((await api.call('GET', `${PATH}/api/redis/stats`)).status).toBe(403);
  });

  it('shows where a job goes and how big it is, never what it says or a key', async () => {
    const body = {
      service: 'tests',
      prompt: PROMPT,
      system: 'a hidden system text',
      provider: 'board-one',
      metadata: { secret: 'hidden metadata' },
    };
    const { id } = (await api.call('POST', '/api/v1/generate?mode=async', { key: SERVICE_KEY, body })).body as { id: string };
    const pages = [`${PATH}/api/queues?activeQueue=generate.board-one&status=latest&page=1&jobsPerPage=10`];
    const list = await eventually(
      () => api.call('GET', pages[0] ?? ''),
      ({ text }) => text.includes(id),
    );
    const job = list.body.queues[0].jobs[0] as { id: string; data: unknown };
    expect(job.data).toMatchObject({
      requestId: id,
      priority: 5,
      hop: 0,
      candidates: ['board-one (gpt-4o-mini)'],
      request: { bytes: expect.any(Number) },
    });
    const shown = [list.text, (await api.call('GET', `${PATH}/api/queues/generate.board-one/${job.id}`)).text].join();
    expect(shown).not.toMatch(/nobody may see|hidden|board-secret/);
  });

  it('fetches nothing from elsewhere and cannot be framed', async () => {
    const policy = (await api.call('GET', PATH)).headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(policy).not.toMatch(/https?:|\*/);
  });
});

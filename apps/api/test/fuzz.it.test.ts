import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { calls, OPERATIONS, type FuzzedCall, type Operation } from './support/contract.js';
import { ADMIN_KEY, SERVICE_KEY, startTestApi, type Called, type TestApi } from './support/test-api.js';

/** Runs for each operation. `FUZZ_RUNS=2000` looks harder; a failure names the seed that repeats it. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 100);
const CANARY = 'sk-canary-of-the-fuzz-0123456789';
const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64');
const SECRETS = [CANARY, ADMIN_KEY, SERVICE_KEY, ENCRYPTION_KEY];
/** Of our code, of a library, of PostgreSQL or of Redis. */
const INSIDES =
  /\bat [\w.<>]+ \(|node_modules|\/(src|dist)\/|\.[jt]s:\d+|Prisma|ECONNREFUSED|PostgresError|ReplyError|SELECT .* FROM|ZodError/;

let api: TestApi;
/** Names and ids of rows that are there. */
let known: string[];

beforeAll(async () => {
  api = await startTestApi({ LOG_LEVEL: 'info', ENCRYPTION_KEYS: `k:${ENCRYPTION_KEY}` });
  const provider = {
    name: 'fuzzed',
    type: 'openai',
    api_key: CANARY,
    base_url: 'http://127.0.0.1:9/v1',
    default_model: 'm',
    timeout_ms: 100,
  };
  const rows = [
    await api.call('POST', '/api/v1/providers', { body: provider }),
    await api.call('POST', '/api/v1/overrides', { body: { customer_id: 'c', service: null, provider: 'fuzzed' } }),
    await api.call('POST', '/api/v1/budgets', { body: { scope: 'all', window: 'day', soft_limit_usd: 1 } }),
    await api.call('POST', '/api/v1/keys', { body: { name: 'fuzzed', scopes: ['read'] } }),
  ];
  expect(rows.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  known = ['fuzzed', ...rows.map(({ body }) => (body as { id: string }).id)];
}, 60_000);
afterAll(() => api.end());

const send = (operation: Operation, { path, headers, body }: FuzzedCall): Promise<Called> => {
  const withBody = body !== undefined && operation.method !== 'GET';
  return api.call(operation.method, path, { headers, ...(withBody && { body }) });
};

/** What holds for every answer, whatever was asked. */
function check(operation: Operation, { status, text, body, headers }: Called): void {
  const name = `${operation.name} → ${status} ${text.slice(0, 300)}`;
  // 503 is an answer where it says that nothing can serve, as for a test call; 500 is always a fault of ours.
  expect([name, status === 500]).toEqual([name, false]);
  expect([name, INSIDES.test(text)]).toEqual([name, false]);
  for (const secret of SECRETS) expect([name, text.includes(secret)]).toEqual([name, false]);
  expect([name, headers.get('x-request-id') !== null]).toEqual([name, true]);
  if (status >= 400) {
    expect([name, body?.error]).toEqual([
      name,
      expect.objectContaining({
        code: expect.stringMatching(/^[a-z_]+$/),
        message: expect.any(String),
        details: expect.any(Array),
      }),
    ]);
    expect(text.length).toBeLessThan(50_000);
  }
}

/** `generate` has tests of its own (bad-input.it.test.ts), and health answers take no input. */
const MEANT = OPERATIONS.filter(({ name, scope }) => scope !== null && name !== 'post /api/v1/generate');

describe('every call of the contract', () => {
  it.each(MEANT.map((operation) => [operation.name, operation] as const))(
    'answers whatever it is sent with the contract’s own words: %s',
    async (_name, operation) => {
      const property = fc.asyncProperty(calls(operation, known), async (call) => check(operation, await send(operation, call)));
      await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
    },
    120_000,
  );

  it('answers a service’s key with 403 wherever an admin is asked for, before it looks at what it says', async () => {
    const guarded = OPERATIONS.filter(({ scope }) => scope === 'admin');
    expect(guarded.length).toBeGreaterThan(15);
    for (const operation of guarded) {
      const path = operation.path.replace('{id}', known[1] ?? '');
      const answer = await api.call(operation.method, path, {
        key: SERVICE_KEY,
        ...(operation.method !== 'GET' && { body: '{"not even":JSON' }),
      });
      expect([operation.name, answer.status, answer.body?.error?.code]).toEqual([operation.name, 403, 'forbidden']);
    }
  });

  it('answers 404 for an id that nobody has, however it is written', async () => {
    const withId = OPERATIONS.filter(({ path, method }) => path.includes('{id}') && ['GET', 'DELETE'].includes(method));
    for (const operation of withId) {
      for (const id of ['00000000-0000-4000-8000-000000000000', 'req_01K9ZT0Q4M7C6V1B2N3D4F5G6H', 'x', '%00', "'%20OR%201=1"]) {
        const { status } = await api.call(operation.method, operation.path.replace('{id}', id));
        expect([operation.name, id, status]).toEqual([operation.name, id, 404]);
      }
    }
  });

  it('answers 409 where a name is taken', async () => {
    const again = [
      ['/api/v1/providers', { name: 'taken', type: 'openai', api_key: 'sk-1', default_model: 'm' }],
      ['/api/v1/overrides', { customer_id: 'taken', service: null, provider: 'taken' }],
      ['/api/v1/budgets', { scope: 'customer', customer_id: 'taken', window: 'day', soft_limit_usd: 1 }],
    ] as const;
    for (const [path, body] of again) {
      expect([path, (await api.call('POST', path, { body })).status]).toEqual([path, 201]);
      expect([path, await api.call('POST', path, { body })]).toEqual([
        path,
        expect.objectContaining({ status: 409, body: { error: expect.objectContaining({ code: 'conflict' }) } }),
      ]);
    }
  });

  it('has left the process unharmed, and no secret in its log', async () => {
    expect((await api.call('GET', '/health', { key: null })).status).toBe(200);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
    const lines = api.log.lines();
    expect(lines.filter(({ level }) => level === 'error')).toEqual([]);
    for (const secret of SECRETS) expect(JSON.stringify(lines)).not.toContain(secret);
  });
});

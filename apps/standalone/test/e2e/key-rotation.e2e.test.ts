/** A provider's key changes while requests run, and the vendor does not know the new one everywhere yet. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Cluster, until } from './cluster.js';

let cluster: Cluster;
/** Calls so far that the ledger is to have: the trials of new keys are none of them. */
let settled = 0;
beforeAll(async () => {
  cluster = await Cluster.start({ apis: 2 });
}, 60_000);
afterAll(() => cluster.stop(), 60_000);
beforeEach(() => cluster.upstream.reset());

interface Attempt {
  provider: string;
  status: string;
  error: string | null;
}

/** The vendor refuses these keys. */
const refuse = (...refused: string[]) =>
  cluster.upstream.respond(({ apiKey }) => (refused.includes(apiKey ?? '') ? { status: 401, message: 'wrong key' } : {}));
const ask = (prompt: string, provider: string) =>
  cluster.generate({ prompt, provider, fallback: false, cache: { mode: 'off' } }, { api: 1 });
const attemptsOf = (id: string) =>
  cluster.rows<Attempt>('SELECT provider, status, error FROM llm_usage_attempts WHERE request_id = $1 ORDER BY number', [id]);
const keysCalled = () => cluster.upstream.calls.map(({ apiKey }) => apiKey);

async function rotatedProvider(name: string, graceSeconds: number): Promise<void> {
  const id = await cluster.provider({ name, type: 'openai', max_retries: 0 });
  await cluster.lanesServed([name]);
  const { status } = await cluster.admin('POST', `/api/v1/providers/${id}/rotate-key`, {
    api_key: `sk-new-${name}`,
    grace_seconds: graceSeconds,
  });
  expect(status).toBe(200);
  // The one worker has it within 2 s; from then on, every call.
  await until(async () => {
    await ask('which key?', name);
    return keysCalled().at(-1) === `sk-new-${name}`;
  }, 5_000);
  settled += cluster.upstream.counts.total - 1;
  expect(await cluster.settledRows('llm_usage_attempts', settled)).toBe(settled);
}

describe('a rotated key that the vendor refuses', () => {
  it('gives way to the old one within the same request, each call in the ledger, and the circuit stays closed', async () => {
    await rotatedProvider('flaky', 600);
    cluster.upstream.reset();
    refuse('sk-new-flaky');
    const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`call ${n}`, 'flaky')));
    expect(replies.map(({ status }) => status)).toEqual(Array<number>(20).fill(200));
    const calls = keysCalled();
    expect(new Set(calls)).toEqual(new Set(['sk-new-flaky', 'sk-flaky']));
    expect(calls.filter((key) => key === 'sk-flaky')).toHaveLength(20);
    settled += calls.length;
    expect(await cluster.settledRows('llm_usage_attempts', settled)).toBe(settled);
    const twice = replies.find(({ body }) => body.attempts.length === 2);
    expect(await attemptsOf(twice?.body.id ?? '')).toEqual([
      { provider: 'flaky', status: 'error', error: 'auth' },
      { provider: 'flaky', status: 'ok', error: null },
    ]);
    await cluster.health('flaky', ({ state }) => state === 'ok');
    // Once it has been refused, the old key goes first for a while: not every request pays with a second call.
    cluster.upstream.reset();
    refuse('sk-new-flaky');
    expect((await ask('one more', 'flaky')).status).toBe(200);
    expect(keysCalled()).toEqual(['sk-flaky']);
    settled += 1;
  }, 40_000);

  it('is asked again when it is the old one that is refused', async () => {
    await rotatedProvider('moved', 600);
    cluster.upstream.reset();
    refuse('sk-moved');
    const replies = await Promise.all(Array.from({ length: 10 }, (_, n) => ask(`moved ${n}`, 'moved')));
    expect(replies.map(({ status }) => status)).toEqual(Array<number>(10).fill(200));
    expect(new Set(keysCalled())).toEqual(new Set(['sk-new-moved']));
    settled += 10;
  }, 40_000);

  it('fails the request once the grace is over: the old key is not used any more', async () => {
    await rotatedProvider('late', 0);
    cluster.upstream.reset();
    refuse('sk-new-late');
    const { status, body } = await ask('too late', 'late');
    expect([status, body.error?.code]).toEqual([502, 'provider_error']);
    expect(keysCalled()).toEqual(['sk-new-late']);
    settled += 1;
  }, 40_000);

  it('opens the circuit when the old one is refused as well', async () => {
    await rotatedProvider('locked', 600);
    cluster.upstream.reset();
    refuse('sk-new-locked', 'sk-locked');
    expect((await ask('both wrong', 'locked')).status).toBe(502);
    expect(keysCalled()).toEqual(['sk-new-locked', 'sk-locked']);
    await cluster.health('locked', ({ state }) => state === 'circuit_open');
  }, 40_000);
});

import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster, until } from './cluster.js';

let cluster: Cluster | undefined;
afterEach(async () => {
  for (const { pid } of cluster?.workers ?? []) wake(pid);
  await cluster?.stop();
  cluster = undefined;
}, 60_000);

function wake(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // Gone already.
  }
}

/** One worker in the middle of a call that its vendor will not answer, and another that is free. */
async function oneAtWork(env: Record<string, string> = {}) {
  const gateway = await Cluster.start({ workers: 1, env });
  cluster = gateway;
  await gateway.provider({ name: 'main', type: 'openai' });
  await gateway.lanesServed(['main']);
  let calls = 0;
  gateway.upstream.respond(() => (calls++ === 0 ? { delayMs: 25_000, content: 'late' } : { content: 'in time' }));
  const reply = gateway.generate({ prompt: 'take it over', cache: { mode: 'off' } });
  await gateway.upstream.received(1);
  await gateway.addWorker();
  await gateway.lanesServed(['main'], 2);
  const [busy] = gateway.workers;
  if (!busy) throw new Error('no worker');
  return { gateway, reply, busy };
}

describe('a worker that is told to end and cannot finish in time', () => {
  it('hands its job back: another has it at once, and what it leaves behind is recorded', async () => {
    const { gateway, reply, busy } = await oneAtWork({ SHUTDOWN_TIMEOUT_MS: '1500' });
    const toldAt = Date.now();
    busy.kill('SIGTERM');
    expect(await busy.exited).toEqual({ code: 0, signal: null });
    const { status, body } = await reply;
    expect([status, body.content]).toEqual([200, 'in time']);
    // A lock that has to run out takes ten seconds.
    expect(Date.now() - toldAt).toBeLessThan(8_000);
    expect(body.attempts.map((attempt) => attempt.status)).toEqual(['abandoned', 'ok']);
    expect(await gateway.settledRows('llm_usage_attempts', 2)).toBe(2);
  }, 60_000);
});

describe('a worker that stands still', () => {
  it('loses its job to another, and its late answer adds its call and changes nothing else', async () => {
    const { gateway, reply, busy } = await oneAtWork();
    process.kill(busy.pid, 'SIGSTOP');
    const { status, body } = await reply;
    expect([status, body.content]).toEqual([200, 'in time']);
    wake(busy.pid);
    const count = async (what: string) => Number((await gateway.rows<{ n: string }>(`SELECT count(*) AS n FROM ${what}`))[0]?.n);
    await until(async () => (await count("llm_usage_attempts WHERE status = 'ok'")) === 2, 30_000);
    expect(await count('llm_usage_attempts')).toBe(2);
    expect(await count('llm_usage_logs')).toBe(1);
    expect(gateway.upstream.counts.total).toBe(2);
    const again = await gateway.admin('GET', `/api/v1/jobs/${body.id}`);
    expect(again.body).toMatchObject({ status: 'completed', result: { content: 'in time' } });
  }, 90_000);
});

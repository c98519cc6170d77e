import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cluster, until } from './cluster.js';

const TOKEN = 'a-token-for-prometheus';
const ENV = { METRICS_TOKEN: TOKEN, WORKER_METRICS_PORT: '0' };
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start({ env: ENV });
  await cluster.provider({ name: 'first', type: 'openai', priority: 1, max_retries: 0 });
  await cluster.provider({ name: 'second', type: 'custom', priority: 2, max_retries: 0 });
  await cluster.lanesServed(['first', 'second']);
}, 60_000);
afterAll(() => cluster.stop(), 60_000);

async function read(url: string): Promise<Map<string, number>> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('llm_gateway'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}
const ofApi = () => read(cluster.url('/metrics'));
const ofWorker = (index: number) => {
  const line = cluster.workers[index]?.lines.find((each) => each.includes('"metricsPort"')) ?? '';
  return read(`http://127.0.0.1:${/"metricsPort":(\d+)/.exec(line)?.[1]}/metrics`);
};

describe('the metrics', () => {
  it('count answers by where they came from, calls by their outcome, and those without a price', async () => {
    const request = { prompt: 'hello', customer_id: 'acme' };
    expect((await cluster.generate(request)).status).toBe(200);
    expect((await cluster.generate(request)).headers.get('x-cache')).toBe('HIT');
    cluster.upstream.respond(({ label }) => (label === 'first' ? { status: 500 } : {}));
    const answer = await cluster.generate({ prompt: 'fall back', cache: { mode: 'off' } });
    expect([answer.body.provider, answer.body.cost_usd]).toEqual(['second', null]);

    const api = await ofApi();
    const generated = (cache: string) =>
      api.get(`llm_gateway_generate_requests_total{status="200",cache="${cache}",mode="queue"}`);
    expect([generated('miss'), generated('hit'), generated('bypass')]).toEqual([1, 1, 1]);

    const worker = await ofWorker(0);
    const calls = (provider: string, outcome: string) =>
      worker.get(`llm_gateway_provider_attempts_total{provider="${provider}",outcome="${outcome}"}`);
    expect([calls('first', 'ok'), calls('first', 'server_error'), calls('second', 'ok')]).toEqual([1, 1, 1]);
    expect(worker.get('llm_gateway_unpriced_attempts_total{provider="second"}')).toBe(1);
    expect(worker.get('llm_gateway_provider_attempt_seconds_count{provider="first"}')).toBe(2);
    expect([...api.keys(), ...worker.keys()].filter((series) => series.includes('acme'))).toEqual([]);
  }, 60_000);

  it('count a call whose worker died once, as abandoned, by who ends its request', async () => {
    cluster.upstream.reset();
    cluster.upstream.respond(({ number }) => (number === 1 ? { hang: 'headers' } : {}));
    const waiting = cluster.generate({ prompt: 'slow', provider: 'first', fallback: false });
    await cluster.upstream.received(1);
    await cluster.addWorker(ENV);
    cluster.workers[0]?.kill('SIGKILL');
    expect((await waiting).status).toBe(200);
    const calls = async (outcome: string) =>
      (await ofWorker(1)).get(`llm_gateway_provider_attempts_total{provider="first",outcome="${outcome}"}`);
    // It is counted once the end is stored, which the answer does not wait for.
    await until(async () => (await calls('abandoned')) === 1, 5_000);
    expect(await calls('ok')).toBe(1);
  }, 60_000);

  it('tell direct mode from the queue, and go on while Redis hangs', async () => {
    cluster.upstream.reset();
    process.kill(cluster.redis.pid, 'SIGSTOP');
    try {
      const ask = () => cluster.generate({ prompt: 'now', provider: 'first', fallback: false, cache: { mode: 'off' } });
      await until(async () => (await ask()).headers.get('x-gateway-mode') === 'direct', 10_000);
      expect((await ask()).status).toBe(200);
      const api = await ofApi();
      expect(api.get('llm_gateway_redis_up')).toBe(0);
      const direct = [...api].filter(([series]) => series.includes('mode="direct"') && series.includes('status="200"'));
      expect(direct.reduce((sum, [, value]) => sum + value, 0)).toBeGreaterThanOrEqual(1);
      // In direct mode calls end in the API.
      expect(api.get('llm_gateway_provider_attempts_total{provider="first",outcome="ok"}')).toBeGreaterThanOrEqual(1);
      expect(api.get('llm_gateway_direct_requests')).toBe(0);
    } finally {
      process.kill(cluster.redis.pid, 'SIGCONT');
    }
  }, 60_000);
});

/** Providers that misbehave. */
import { startFaultProxy } from '@llm-gateway/local-services';
import type { FaultTest } from '../fault-test.js';
import { atOnce, percentile, steadily } from '../load/load.js';
import { residentBytes } from '../rig/proc.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { settled } from '../books/unsettled.js';
import { closeBooks } from './close-books.js';

const RETRIES = 2;

const bursts: FaultTest = {
  id: '19',
  fault: 'bursts of 500, 502 and 503 from a provider with two retries',
  pass: 'no more calls than attempts times requests: nobody but the gateway repeats; every call has its row',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const count = context.load(200);
    await rig.provider(`${name}-a`, 'openai', { max_retries: RETRIES });
    await rig.provider(`${name}-b`, 'claude', { max_retries: RETRIES });
    for (const lane of [`${name}-a`, `${name}-b`])
      rig.vendor.script(lane, () =>
        context.random() < 0.3 ? { status: [500, 502, 503][Math.floor(context.random() * 3)], message: 'sorry' } : {},
      );
    await atOnce(client, count, 20, (i) => ({
      marker: `${name}-${i}`,
      provider: `${name}-${i % 2 ? 'a' : 'b'}`,
      timeoutMs: 20_000,
    }));
    const books = await closeBooks(context, { unanswered: count });
    findings.atMost('calls', books.calls, count * (RETRIES + 1) * 2);
    findings.atLeast('part answered', (count - books.unanswered) / count, 0.5);
  },
};

const resets: FaultTest = {
  id: '22',
  fault: 'connections reset before the headers, in the body, and while they are kept alive',
  pass: 'each is tried once more, none is lost, every call has its row',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const proxy = await startFaultProxy(rig.vendor.port);
    try {
      const base = rig.vendor.baseUrl('openai', `${name}-a`).replace(`:${rig.vendor.port}`, `:${proxy.port}`);
      await rig.provider(`${name}-a`, 'openai', { max_retries: 1, base_url: base });
      const seen = new Set<string>();
      rig.vendor.script(`${name}-a`, ({ prompt }) => {
        const marker = prompt.split(' ', 1)[0] ?? '';
        if (seen.has(marker)) return {};
        seen.add(marker);
        return marker.includes('headers') ? { cut: 'headers' } : marker.includes('body') ? { cut: 'body' } : {};
      });
      for (let i = 0; i < 30; i++) {
        const kind = ['headers', 'body', 'stale'][i % 3];
        if (kind === 'stale') proxy.reset();
        await client.ask({ marker: `${name}-${kind}-${i}`, provider: `${name}-a`, timeoutMs: 20_000 });
      }
      const books = await closeBooks(context, { uncalledRows: 10 });
      findings.atMost('calls', books.calls, 60);
    } finally {
      await proxy.stop();
    }
  },
};

const NONSENSE = [
  { body: 'not JSON', headers: { 'content-type': 'application/json' } },
  { body: '<html><body>Bad gateway</body></html>', headers: { 'content-type': 'text/html' } },
  { body: '{}' },
  { body: { choices: [] } },
  { body: '' },
];

const garbage: FaultTest = {
  id: '23',
  fault: 'status 200 with garbage, a page of HTML, {}, no choices, or nothing',
  pass: 'each is an error of the provider, none is cached, each row says so',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`, 'openai', { max_retries: 0 });
    for (const [index, answer] of NONSENSE.entries()) {
      const ask = { provider: `${name}-a`, timeoutMs: 10_000, keyed: false, patient: false };
      const more = { prompt: `${name}-${index} nonsense`, cache: { mode: 'default' as const } };
      rig.vendor.script(`${name}-a`, answer);
      const bad = await client.ask({ ...ask, marker: `${name}-${index}`, more });
      findings.holds(`answer ${index + 1} is refused`, bad.code === 'provider_error', bad.code ?? bad.status);
      rig.vendor.script(`${name}-a`, {});
      const good = await client.ask({ ...ask, marker: `${name}-${index}`, more });
      findings.holds(`answer ${index + 1} is not cached`, good.status === 200 && good.cache !== 'HIT', good.cache ?? good.status);
    }
    await settled(rig);
    const rows = await rig.rows<{ n: string }>(
      "SELECT count(*) AS n FROM llm_usage_attempts WHERE provider = $1 AND error = 'bad_response'",
      [`${name}-a`],
    );
    findings.exactly('rows that say bad_response', Number(rows[0]?.n), NONSENSE.length);
  },
};

const MOST_GROWTH_MB = 50;

const endless: FaultTest = {
  id: '24',
  fault: 'a body that never ends, ten times',
  pass: `it is cut at the limit, and no worker grows by more than ${MOST_GROWTH_MB} MB`,
  fleet: { apis: 1, workers: 1 },
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`);
    const ask = { provider: `${name}-a`, timeoutMs: 20_000, keyed: false, patient: false };
    await atOnce(client, 200, 20, (i) => ({ ...ask, marker: `${name}-warm-${i}` }));
    const pid = rig.fleet.workers[0]?.pid ?? 0;
    const before = await residentBytes(pid);
    rig.vendor.script(`${name}-a`, { endless: true });
    const ends: number[] = [];
    for (let i = 0; i < 10; i++) ends.push((await client.ask({ ...ask, marker: `${name}-${i}` })).status);
    findings.exactly('clean ends', ends.filter((status) => status === 502).length, 10);
    findings.zero('hanging', client.entries.filter((entry) => entry.hung).length);
    findings.atMost('growth of the worker in MB', ((await residentBytes(pid)) - before) / 1e6, MOST_GROWTH_MB);
  },
};

/** p99s on a machine that does other things as well differ by so much without any fault. */
const NOISE_MS = 100;

const oneDead: FaultTest = {
  id: '25',
  fault: 'one provider hangs, three are fine, under load',
  pass: `the p99 of the three stays within 10 % (and ${NOISE_MS} ms of noise) of what it was`,
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const lanes = ['a', 'b', 'c', 'd'].map((letter) => `${name}-${letter}`);
    for (const lane of lanes) await rig.createProvider(lane, 'openai', { timeout_ms: 2_000 });
    await rig.lanesServed(lanes);
    for (const lane of lanes) rig.vendor.script(lane, { delayMs: 100 });
    const phase = async (word: string) => {
      const stream = steadily(client, context.load(60), (i) => ({
        marker: `${name}-${word}-${i}`,
        provider: lanes[i % 4],
        timeoutMs: 5_000,
        keyed: false,
        patient: false,
        more: { fallback: false },
      }));
      await sleep(6_000);
      return stream.stop();
    };
    const fine = (entries: Awaited<ReturnType<typeof phase>>) =>
      entries.filter((entry) => Number(entry.marker.split('-')[2]) % 4 !== 3);
    await phase('warm');
    const before = fine(await phase('before'));
    rig.vendor.script(lanes[3] ?? '', { hang: 'headers' });
    const during = fine(await phase('during'));
    const p99 = percentile(
      before.map((entry) => entry.ms),
      0.99,
    );
    findings.tell('p99 before in ms', p99);
    findings.atMost(
      'p99 during in ms',
      percentile(
        during.map((entry) => entry.ms),
        0.99,
      ),
      p99 * 1.1 + NOISE_MS,
    );
    findings.exactly('answered during it', during.filter((entry) => entry.status === 200).length, during.length);
  },
};

export const providerTests = [bursts, resets, garbage, endless, oneDead];

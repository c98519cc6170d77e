/** Each vendor's SDK against a vendor that never ends, in this very process: 200 calls each. */
import { startUpstream, STAND_IN_MODELS, type UpstreamAnswer } from '@llm-gateway/local-services';
import { createProvider, parseEgressAllow } from '@llm-gateway/providers';
import { PROVIDER_TYPES, ProviderError, type ProviderType } from '@llm-gateway/shared';
import type { FaultTest, TestContext } from '../fault-test.js';
import { until } from '../rig/wait.js';

const RUNS = 200;
const AT_ONCE = 50;
const DEADLINE_MS = 800;
const BOUND_MS = 500;

interface Seen {
  late: number;
  worstMs: number;
  otherEnds: number;
}

async function callAll(type: ProviderType, baseUrl: string): Promise<Seen> {
  const provider = createProvider({ type, apiKey: 'sk-test', baseUrl, egressAllow: parseEgressAllow('127.0.0.0/8') });
  const seen: Seen = { late: 0, worstMs: 0, otherEnds: 0 };
  const call = async (): Promise<void> => {
    const never = new AbortController().signal;
    const startedAt = performance.now();
    const messages = [{ role: 'user' as const, content: 'hello?' }];
    const end: unknown = await provider
      .generate({ model: STAND_IN_MODELS[type], messages, timeoutMs: DEADLINE_MS }, never)
      .catch((error: unknown) => error);
    const off = Math.abs(performance.now() - startedAt - DEADLINE_MS);
    seen.worstMs = Math.max(seen.worstMs, off);
    if (off > BOUND_MS) seen.late++;
    if (!(end instanceof ProviderError && end.fault === 'timeout')) seen.otherEnds++;
  };
  for (let run = 0; run < RUNS; run += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, call));
  return seen;
}

/** A vendor's SDK is loaded with its first call, which the machine may take its time for. @returns ms beyond the deadline. */
async function firstCall(type: ProviderType, baseUrl: string): Promise<number> {
  const provider = createProvider({ type, apiKey: 'sk-test', baseUrl, egressAllow: parseEgressAllow('127.0.0.0/8') });
  const messages = [{ role: 'user' as const, content: 'hello?' }];
  const startedAt = performance.now();
  const call = { model: STAND_IN_MODELS[type], messages, timeoutMs: DEADLINE_MS };
  await provider.generate(call, new AbortController().signal).catch(() => undefined);
  return Math.max(0, performance.now() - startedAt - DEADLINE_MS);
}

async function endless({ findings }: TestContext, answer: UpstreamAnswer): Promise<void> {
  const upstream = await startUpstream({ keepCalls: false });
  upstream.respond(answer);
  const before = process.memoryUsage().heapUsed;
  try {
    for (const type of PROVIDER_TYPES) {
      findings.tell(
        `${type}: ms of the first call of a process beyond its deadline`,
        await firstCall(type, upstream.baseUrlFor(type)),
      );
      const { late, worstMs, otherEnds } = await callAll(type, upstream.baseUrlFor(type));
      findings.zero(`${type}: calls off by more than ${BOUND_MS} ms`, late);
      findings.zero(`${type}: other ends than a timeout`, otherEnds);
      findings.tell(`${type}: worst ms`, worstMs);
    }
    findings.atLeast('calls', upstream.counts.total, RUNS * PROVIDER_TYPES.length);
    await until('every socket is given back', 10_000, () => upstream.counts.open === 0);
    findings.zero('calls still open', upstream.counts.open);
    findings.tell('growth of the heap in MB, before a collection', (process.memoryUsage().heapUsed - before) / 1e6);
  } finally {
    await upstream.stop();
  }
}

const hang: FaultTest = {
  id: '20',
  fault: `a provider that never answers, ${RUNS} calls through each of the six adapters, deadline ${DEADLINE_MS} ms`,
  pass: `each call ends within ${BOUND_MS} ms of its deadline, as a timeout, and its socket is given back`,
  remark:
    "A vendor's SDK is loaded with the first call to it in a process, which holds that process up for as long as it takes (told above): " +
    'the first call after a start may end that much later. It is not counted among the 200.',
  run: (context) => endless(context, { hang: 'headers' }),
};

const drip: FaultTest = {
  id: '21',
  fault: `a provider that sends one byte every 200 ms, ${RUNS} calls through each of the six adapters`,
  pass: 'as 20',
  run: (context) => endless(context, { drip: { everyMs: 200 } }),
};

export const adapterTests = [hang, drip];

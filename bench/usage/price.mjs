/** How long a cost takes to work out: models of every vendor, by the bundled price table. */
import { priceCall } from '@llm-gateway/providers';
import { quantile } from './quantile.mjs';

const TARGET_MS = 0.1;
const BATCH = 100;

const CALLS = [
  ['claude', 'claude-sonnet-4-5'],
  ['openai', 'gpt-4o-mini-2024-07-18'],
  ['gemini', 'gemini-2.5-pro'],
  ['mistral', 'mistral-small-latest'],
  ['llama', 'meta-llama/Llama-3.3-70B-Instruct-Turbo'],
  ['openai', 'no-such-model'],
].map(([type, model], index) => ({
  type,
  baseUrl: null,
  model,
  pricing: null,
  at: Date.UTC(2026, 10, 1),
  // Over the step of those that cost more for long inputs, every other time.
  tokens: {
    uncachedInput: index % 2 ? 250_000 : 900,
    cacheRead: 300,
    cacheWrite: 40,
    cacheWrite1h: 5,
    output: 700,
    reasoning: 100,
  },
}));

/** Rounds of a hundred calls, so that the clock's own grain does not count. @returns ms a call. */
export function measurePrice({ rounds = 500, say }) {
  const taken = [];
  for (let round = -20; round < rounds; round += 1) {
    const started = performance.now();
    for (let call = 0; call < BATCH; call += 1) priceCall(CALLS[call % CALLS.length]);
    if (round >= 0) taken.push((performance.now() - started) / BATCH);
  }
  const line = { what: 'cost of a call', p50: quantile(taken, 0.5), p95: quantile(taken, 0.95), target: TARGET_MS };
  say(`cost of a call: p50 ${line.p50.toFixed(4)} ms, p95 ${line.p95.toFixed(4)} ms, of ${TARGET_MS}`);
  return line;
}

/**
 * The load generator's process: one run on each address at once, as the parent's message says, and what came of it back. As much as so many
 * connections can send is autocannon's; a steady rate is not: it sends each second's requests at the second's beginning.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import autocannon from 'autocannon';
import { paced } from './paced.mjs';
import { percentiles } from './percentiles.mjs';

const MOST_GROUPS = 50;

// Nobody is left to send for.
process.once('disconnect', () => process.exit(1));

process.once('message', async (plan) => {
  const before = process.cpuUsage();
  const timesMs = [];
  // From the first request to the last answer: autocannon needs a moment to begin and to end.
  const span = { from: Infinity, to: 0 };
  const onAnswer = (ms) => {
    const now = performance.now();
    span.from = Math.min(span.from, now - ms);
    span.to = now;
    timesMs.push(ms);
  };
  const results = await Promise.all(plan.urls.flatMap((url) => partsOf({ ...plan, url }).map((part) => run(part, onAnswer))));
  const seconds = (span.to - span.from) / 1_000;
  const sum = (field) => results.reduce((total, result) => total + result[field], 0);
  const faults = { refused: sum('non2xx'), errors: sum('errors'), timeouts: sum('timeouts') };
  // Without its start, which takes as much as sending a thousand requests.
  const used = process.cpuUsage(before);
  const cpuSeconds = (used.user + used.system) / 1e6;
  process.send({ requests: timesMs.length, seconds, cpuSeconds, ...faults, ...percentiles(timesMs) }, () => process.exit(0));
});

/** All at once; or with `spreadMs` in groups that begin one after the other, so that a provider's fixed delay keeps them apart. */
function partsOf({ spreadMs, connections, amount, ...plan }) {
  const groups = spreadMs ? Math.min(MOST_GROUPS, connections) : 1;
  return Array.from({ length: groups }, (_, index) => ({
    ...plan,
    connections: Math.ceil(connections / groups),
    amount: Math.ceil(amount / groups),
    afterMs: spreadMs ? (index * spreadMs) / groups : 0,
  }));
}

async function run({ url, headers, body, connections, amount, rate, afterMs }, onAnswer) {
  if (rate) return paced({ url, headers, body, amount, rate }, onAnswer);
  await sleep(afterMs);
  const instance = autocannon({ url, method: 'POST', headers, body, connections, amount, timeout: 120, idReplacement: true });
  // autocannon's own histogram counts in whole milliseconds.
  instance.on('response', (_client, _status, _bytes, ms) => onAnswer(ms));
  return instance;
}

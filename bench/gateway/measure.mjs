/** One measurement of one side: warm up, send, wait for the books, and see what it took. */
import { load } from './load.mjs';
import { cpuSeconds, residentMb } from './usage-of-processes.mjs';

const SAMPLE_MS = 250;

/**
 * @param side `{ urls, headers, body, processes, books?, calls?, callsEach? }`; books: those of our side, which are checked; calls: asks the provider
 * how many it got, which must be `callsEach` for each request: a hit is none, a miss or a proxied call is one.
 * @param how `{ connections, seconds, warmUp?, amount?, rate? }`: as many requests as the warm-up says fit in `seconds`, or `amount`; `rate` a
 * second, evenly spread, or as many as the connections can send.
 */
export async function measure(side, how) {
  const { connections, seconds } = how;
  const warmUp = await send(side, { connections, amount: how.warmUp ?? connections * 60 });
  const amount = how.amount ?? Math.max(connections * 2, Math.round((how.rate ?? warmUp.rate) * seconds));
  const peak = {};
  const sampling = setInterval(() => grow(peak, residentMb(side.processes)), SAMPLE_MS);
  const before = cpuSeconds(side.processes, side.books?.pid);
  const callsBefore = await side.calls?.();
  const result = await send(side, { ...how, amount });
  clearInterval(sampling);
  grow(peak, residentMb(side.processes));
  // Until the last row is written: work that is put off is work all the same.
  const after = cpuSeconds(side.processes, side.books?.pid);
  await checkCalls(side, callsBefore, result.requests);
  const cpuMs = after && {
    ...Object.fromEntries(Object.keys(after).map((name) => [name, ((after[name] - before[name]) * 1_000) / result.requests])),
    load: (result.cpuSeconds * 1_000) / result.requests,
  };
  return { ...result, connections, cpuMs, residentMb: peak };
}

/** A hit that is none would be slow, and a miss that is none would be fast: neither is what its row says. */
async function checkCalls(side, before, requests) {
  if (!side.calls) return;
  const made = (await side.calls()) - before;
  if (made === requests * side.callsEach) return;
  throw new Error(`${side.name}: the provider got ${made} calls for ${requests} requests, where each makes ${side.callsEach}`);
}

async function send(side, how) {
  const result = await load({ ...side, ...how });
  await side.afterLoad?.();
  const lost = result.refused + result.errors + result.timeouts;
  if (lost > 0) throw new Error(`${side.name}: ${lost} of ${result.requests} requests failed (${JSON.stringify(result)})`);
  side.books?.expect(result.requests);
  await side.books?.check();
  return result;
}

function grow(peak, now) {
  for (const [name, mb] of Object.entries(now)) peak[name] = Math.max(peak[name] ?? 0, mb);
}

/** Sides take turns, so that what the machine does meanwhile hits all alike. @returns per side the medians of its runs. */
export async function takeTurns(sides, how) {
  const runs = sides.map(() => []);
  for (let round = 0; round < how.rounds; round++) {
    for (const [index, side] of sides.entries()) {
      await side.before?.();
      const run = await measure(side, how);
      runs[index].push(run);
      how.onRun?.(side, run, round);
    }
  }
  return Object.fromEntries(sides.map((side, index) => [side.name, combine(runs[index])]));
}

/** The median of each figure over the rounds, with the rates of all of them. */
export function combine(runs) {
  const of = (pick) => median(runs.map(pick));
  const byName = (field) =>
    runs[0][field] && Object.fromEntries(Object.keys(runs[0][field]).map((name) => [name, of((run) => run[field][name])]));
  const plain = Object.fromEntries(
    ['rate', 'p50', 'p95', 'p99', 'max', 'requests'].map((name) => [name, of((run) => run[name])]),
  );
  return {
    ...plain,
    connections: runs[0].connections,
    cpuMs: byName('cpuMs'),
    residentMb: byName('residentMb'),
    rates: runs.map((run) => run.rate),
  };
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

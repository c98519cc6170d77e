/** The rows of the table. Each scenario measures its sides in turns and says which ratios follow; a target is what the ratio must reach. */
import { measure, takeTurns } from './measure.mjs';
import { waitsTable } from './report.mjs';
import { bareGet, bareQueue, direct, ours, portkey } from './sides.mjs';

const round = (value) => Math.round(value * 100) / 100;
const atLeast = (name, value, target) => ({ name, value: round(value), target: `≥ ${target}`, ok: value >= target });
const atMost = (name, value, target) => ({ name, value: round(value), target: `≤ ${target}`, ok: value <= target });
const below = (name, value, target) => ({ name, value: round(value), target: `< ${target}`, ok: value < target });
const apiMs = (run) => run.cpuMs?.api ?? NaN;

/** High enough to be asked and never reached. */
const LIMITED = { name: 'limited', rpm_limit: 1_000_000, tpm_limit: 1_000_000_000, max_concurrency: 1_000 };
const limitedSide = (stack, name = 'limited') => ours(stack, { name, provider: 'limited', fallback: false });

async function hit(stack, how) {
  await stack.ours();
  const sides = [ours(stack, { same: 'kept' }), await bareGet(stack), ...(how.peers ? [await portkey(stack)] : [])];
  const runs = await takeTurns(sides, { ...how, connections: 32 });
  return {
    runs,
    ratios: [
      atLeast('cache hit, rate against bare Express + GET', runs.ours.rate / runs['bare Express + GET'].rate, 0.8),
      ...(runs.Portkey
        ? [atLeast('cache hit, rate against a proxied call of Portkey', runs.ours.rate / runs.Portkey.rate, 6)]
        : []),
    ],
  };
}

async function miss(stack, how) {
  await stack.ours();
  const sides = [ours(stack), await bareQueue(stack), ...(how.peers ? [await portkey(stack)] : [])];
  const turns = await takeTurns(sides, { ...how, connections: 64 });
  // The ratios are of a provider without limits, which costs no look at any. What they cost stands beside it; afterwards they are gone, and no
  // later row has another provider to fall back to.
  await stack.providers(LIMITED);
  const runs = {
    ...turns,
    ...(await takeTurns([limitedSide(stack, 'ours, limits set')], { ...how, rounds: 1, connections: 64 })),
  };
  await stack.keepOnly('fast');
  return {
    runs,
    ratios: [
      atLeast('miss, rate against bare BullMQ', runs.ours.rate / runs['bare BullMQ'].rate, 0.5),
      ...(runs.Portkey ? [atLeast('miss, rate against a proxied call of Portkey', runs.ours.rate / runs.Portkey.rate, 1.3)] : []),
    ],
  };
}

async function single(stack, how) {
  await stack.ours();
  const sides = [ours(stack), await bareQueue(stack), direct(stack)];
  // Three hundred a second would take a minute to get warm, and every side is measured as one that has run for a while.
  for (const side of sides) await measure(side, { connections: 64, amount: 64, seconds: 1, warmUp: how.warmUp ?? 8_000 });
  const runs = await takeTurns(sides, { ...how, connections: 1, warmUp: 200 });
  const added = runs.ours.p50 - runs['provider itself'].p50;
  return { runs, ratios: [atMost('miss, one at a time, added p50 against bare BullMQ', added / runs['bare BullMQ'].p50, 2.5)] };
}

/** Once evenly spread, as callers come, and once as a burst, in which all thousand come in the same moment and again two seconds later. */
async function flight(stack, how) {
  // One worker for all: nothing is spread to look small.
  await stack.ours({ concurrency: 1_000 });
  await stack.providers({ name: 'slow-2s', delayMs: 2_000 });
  const connections = how.small ? 100 : 1_000;
  const inFlight = (name) => ours(stack, { name, provider: 'slow-2s', fallback: false });
  const plan = { ...how, rounds: 1, connections, warmUp: connections, amount: connections * 5 };
  const runs = {
    ...(await takeTurns([inFlight('1,000 in flight, spread')], { ...plan, spreadMs: 2_000 })),
    ...(await takeTurns([inFlight('1,000 in flight, in bursts')], plan)),
  };
  const largest = Math.max(...Object.values(runs).flatMap(({ residentMb }) => [residentMb.api ?? NaN, residentMb.worker ?? NaN]));
  return {
    runs,
    ratios: [
      ...Object.values(runs).map(({ p99 }, index) =>
        atMost(`${Object.keys(runs)[index]} at a provider of 2 s, p99 / 2 s`, p99 / 2_000, 1.15),
      ),
      atMost('1,000 in flight, MB of the largest process', largest, 250),
    ],
  };
}

async function prompts(stack, how) {
  await stack.ours();
  const sizes = how.scale ? [1, 10, 100, 900] : [1, 100];
  const sides = sizes.map((kb) => ours(stack, { name: `${kb} KB prompts`, bytes: kb * 1_000 }));
  const runs = await takeTurns(sides, { ...how, connections: 32, warmUp: how.scale ? 64 : 300 });
  return {
    runs,
    ratios: [atLeast('miss, 100 KB prompts against 1 KB, rate', runs['100 KB prompts'].rate / runs['1 KB prompts'].rate, 0.25)],
  };
}

/** Parts of the rate that the lane carries. The row that is judged is the third; the others say from which load on it holds. */
const LOADS = { 'an eighth of it': 1 / 8, 'a quarter': 1 / 4, half: 1 / 2 };
const LIMIT_MS = 5;

/**
 * What a call waits for its limits, as the worker sees it: from asking to having, so with its own event loop and Redis' in between. Where the machine
 * is full, calls wait for the machine and not for the limits, so beside it stands a PING from a process with nothing else to do; and a lane without
 * limits at the same rate.
 */
async function limiter(stack, how) {
  await stack.ours({ workers: 4 });
  await stack.providers(LIMITED);
  const [free, limited] = [ours(stack, { name: 'fast', provider: 'fast', fallback: false }), limitedSide(stack)];
  // Each worker has to get warm.
  const plan = { ...how, rounds: 1, connections: 64, warmUp: how.warmUp ?? 8_000 };
  const runs = {};
  const waits = {};
  const look = async (load, how) => {
    const run = await watched(stack, limited, how);
    runs[`limited, ${load}`] = run;
    waits[load] = { rate: run.rate, ...(await stack.books.limiterWait('limited', run.requests, LIMIT_MS)), ping: run.ping };
    return run;
  };
  const full = await look('all', plan);
  for (const [load, part] of Object.entries(LOADS)) {
    const paced = { ...plan, rate: full.rate * part, seconds: how.seconds * 3, warmUp: how.warmUp ?? 1_000 };
    await look(load, paced);
    if (load === 'half') runs['no limits, half'] = (await takeTurns([free], paced)).fast;
  }
  return {
    runs,
    limiterMs: waits,
    ratios: [below('limit check with 4 workers and all limits set, at half the full rate, p99 in ms', waits.half.p99, LIMIT_MS)],
    notes: ['', waitsTable(waits, LIMIT_MS)],
  };
}

/** Measures a side, and how long a PING of Redis takes meanwhile. */
async function watched(stack, side, how) {
  const { port } = await stack.run('ping');
  let ping;
  // Once after the warm-up, which is forgotten, and once after the run.
  const afterLoad = async () => (ping = await (await fetch(`http://127.0.0.1:${port}`)).json());
  const runs = await takeTurns([{ ...side, afterLoad }], how);
  return { ...runs[side.name], ping };
}

/**
 * Each replica gets warm by the same number of requests, and is measured over the same number. What one alone takes for each at a quarter of the
 * rate stands beside it: a process that finds one request at a time to do pays for each what it otherwise pays for many at once.
 */
async function replicas(stack, how) {
  const runs = {};
  const [warmUp, amount] = [how.warmUp ?? 8_000, how.small ? 100 : 4_000];
  for (const apis of how.scale ? [1, 2, 4] : [1, 4]) {
    await stack.ours({ apis });
    const name = `${apis} API ${apis === 1 ? 'replica' : 'replicas'}`;
    const plan = { ...how, rounds: 1, connections: 64, warmUp: warmUp * apis, amount: amount * apis };
    Object.assign(runs, await takeTurns([ours(stack, { name })], plan));
    if (apis > 1) continue;
    const quarter = { ...plan, warmUp: 64, rate: runs[name].rate / 4, amount: amount / 4 };
    Object.assign(runs, await takeTurns([ours(stack, { name: `${name}, a quarter of the rate` })], quarter));
  }
  const [one, four] = [runs['1 API replica'], runs['4 API replicas']];
  return { runs, ratios: [atMost('4 API replicas against 1, CPU of the API per request', apiMs(four) / apiMs(one), 1.2)] };
}

/** Throughput follows the workers until the machine is full: each has 100 places on a lane whose calls take a second. */
async function workers(stack, how) {
  const runs = {};
  for (const count of [1, 2, 4, 8]) {
    await stack.ours({ workers: count });
    // Each worker has to get warm: at a hundred calls a second of its own that would take it most of a minute.
    await measure(ours(stack), { connections: 64, amount: 64, seconds: 1, warmUp: how.warmUp ?? 2_000 * count });
    await stack.providers({ name: 'slow-1s', delayMs: 1_000 });
    const side = ours(stack, { name: `${count} workers of 100`, provider: 'slow-1s', fallback: false });
    const connections = count * 100;
    Object.assign(
      runs,
      await takeTurns([side], { ...how, rounds: 1, connections, warmUp: connections, amount: connections * 5, spreadMs: 1_000 }),
    );
  }
  return { runs, ratios: [] };
}

/** The same requests over more and more lanes. */
async function providers(stack, how) {
  await stack.ours();
  await stack.keepOnly('fast');
  const runs = {};
  for (const count of [1, 10, 100]) {
    const more = Array.from({ length: count - 1 }, (_, index) => ({ name: `more-${index}`, priority: 200 + index }));
    await stack.providers(...more);
    const name = count === 1 ? '1 provider' : `${count} providers`;
    Object.assign(runs, await takeTurns([ours(stack, { name })], { ...how, connections: 64 }));
  }
  return { runs, ratios: [] };
}

/** In this order: what restarts our processes with other numbers comes last. */
export const SCENARIOS = { hit, miss, single, prompts, flight, limiter, replicas };
export const SCALING = { workers, replicas, prompts, providers };

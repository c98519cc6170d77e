/** The limits of a provider, over replicas, over time, and past the death of who holds them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTest } from '../fault-test.js';
import { atOnce, steadily } from '../load/load.js';
import { closeBooks } from './close-books.js';
import { killWorkers } from './kill.js';

const RPM = 60;
/** Requests a second, and how long each waits for its turn. */
const DEMAND = 2;
const WAIT_MS = 3_000;
/** Minutes are fixed windows: as one begins, those that wait may go at once; and a call arrives a moment after it was let through. */
const EDGE_MS = 2_000;
const EDGE_BURST = (DEMAND * (WAIT_MS + EDGE_MS)) / 1_000;

const rpm: FaultTest = {
  id: '26',
  fault: 'a limit of 60 requests a minute, four workers, twice that demand, for ten minutes (short version: 70 s)',
  pass: 'never more than 60 calls in any minute but for those that wait at its edge, and at least 95 % of the limit used',
  remark:
    'The limit is kept in fixed minutes. As one begins, whoever waits goes at once, so a sliding minute may see them on top of the 60: ' +
    'here at most 10.',
  fleet: { apis: 2, workers: 4 },
  run: async (context) => {
    const { rig, client, findings, name } = context;
    const minutes = context.full ? 10 : 1;
    await rig.provider(`${name}-a`, 'openai', { rpm_limit: RPM });
    const stream = steadily(client, DEMAND, (i) => ({
      marker: `${name}-${i}`,
      provider: `${name}-a`,
      timeoutMs: WAIT_MS,
      keyed: false,
      patient: false,
    }));
    await sleep(minutes * 60_000 + 10_000);
    await stream.stop();
    const times = rig.vendor.callsOf(`${name}-`).map((call) => call.startedAtMs);
    const inWindow = times.map((start) => times.filter((at) => at >= start && at < start + 60_000 - EDGE_MS).length);
    findings.atMost('calls in any minute', Math.max(0, ...inWindow), RPM + EDGE_BURST);
    const first = times[0] ?? 0;
    const used = times.filter((at) => at < first + minutes * 60_000).length;
    findings.atLeast('part of the limit used', used / (RPM * minutes), 0.95);
  },
};

const tooLarge: FaultTest = {
  id: '28',
  fault: 'a prompt above the tokens that its provider takes in a minute',
  pass: 'refused at once with 413, and the queue behind it goes on',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`, 'openai', { tpm_limit: 100_000 });
    rig.vendor.script(`${name}-a`, { usage: { uncachedInput: 10, output: 10 } });
    const stream = steadily(client, 20, (i) => ({ marker: `${name}-${i}`, provider: `${name}-a` }));
    await sleep(500);
    const huge = { prompt: 'x'.repeat(900_000) };
    const refused = await Promise.all(
      [1, 2, 3].map((i) => client.ask({ marker: `${name}-huge-${i}`, provider: `${name}-a`, more: huge, keyed: false })),
    );
    await sleep(1_500);
    const entries = await stream.stop();
    findings.exactly('refused with 413', refused.filter((entry) => entry.status === 413).length, 3);
    findings.atMost('longest refusal in ms', Math.max(...refused.map((entry) => entry.ms)), 2_000);
    findings.exactly('answered beside them', entries.filter((entry) => entry.status === 200).length, entries.length);
    await closeBooks(context, { unanswered: 3 });
  },
};

/** 10 s until the slot is free, 15 s until the killed worker's own job has run again before it, and the start of new workers. */
const BEHIND_S = 30;

const holderKilled: FaultTest = {
  id: '29',
  fault: 'kill -9 of a worker that holds the only slot of a lane (max_concurrency 1)',
  pass: `the slot is free again when the longest call would have ended and 5 s more: workers answer the request behind it within ${BEHIND_S} s`,
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`, 'openai', { max_concurrency: 1, timeout_ms: 5_000 });
    rig.vendor.script(`${name}-a`, { delayMs: 3_000 });
    const held = client.ask({ marker: `${name}-holder`, provider: `${name}-a` });
    await rig.vendor.received(`${name}-`, 1);
    const killedAt = Date.now();
    // Whoever holds it: one after the other would leave two to take it over.
    await killWorkers(rig, [...rig.fleet.workers]);
    await rig.fleet.fill({ apis: 2, workers: 3 });
    // In direct mode nobody would ask for the slot.
    await rig.lanesServed([`${name}-a`]);
    rig.vendor.script(`${name}-a`, {});
    const [behind] = await atOnce(client, 1, 1, () => ({ marker: `${name}-behind`, provider: `${name}-a` }));
    findings.holds('the request behind it is answered', behind?.status === 200, behind?.status ?? 0);
    findings.holds('it went through the workers', behind?.mode === undefined, behind?.mode);
    findings.atMost('s from the kill until then', (Date.now() - killedAt) / 1_000, BEHIND_S);
    await held;
    await closeBooks(context, { duplicated: 1 });
  },
};

export const limitTests = [rpm, tooLarge, holderKilled];

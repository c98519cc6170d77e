/** Machines that disagree about the time. */
import { settled } from '../books/unsettled.js';
import type { FaultTest } from '../fault-test.js';
import { atOnce } from '../load/load.js';
import { until } from '../rig/wait.js';
import { closeBooks } from './close-books.js';

const AHEAD_MS = 70_000;
const NOTICED_MS = 15_000;

/** Runs before a process' first line: its clock is ahead until SIGUSR2 says that it is right again. */
const PRELOAD = `const now = Date.now; let ahead = ${AHEAD_MS}; Date.now = () => now() + ahead; process.on('SIGUSR2', () => { ahead = 0; });`;

const ahead: FaultTest = {
  id: '27',
  fault: `a worker whose clock is ${AHEAD_MS / 1_000} s ahead of the others', beside a good one`,
  pass: 'it takes no job until its clock is right, says so, and ends nobody else; no request fails',
  fleet: { apis: 2, workers: 0 },
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.createProvider(`${name}-a`);
    const worker = await rig.fleet.addWorker({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRELOAD)}` });
    await until('it says that its clock is wrong', NOTICED_MS, () =>
      worker.lines.some((line) => line.includes('that of Redis differ')),
    );
    await rig.fleet.addWorker();
    await rig.lanesServed([`${name}-a`], 1);
    // Longer than the last net for requests past their deadline needs to look once.
    rig.vendor.script(`${name}-a`, { delayMs: 6_000 });
    const count = context.load(100);
    const entries = await atOnce(client, count, count, (i) => ({
      marker: `${name}-${i}`,
      provider: `${name}-a`,
      timeoutMs: 30_000,
    }));
    findings.exactly(
      'answered with the first try',
      entries.filter((entry) => entry.status === 200 && entry.tries === 1).length,
      count,
    );
    await settled(rig);
    const byIt = await rig.rows("SELECT 1 FROM llm_usage_attempts WHERE created_at > now() + $1 * interval '1 ms'", [
      AHEAD_MS / 2,
    ]);
    findings.zero('calls made by it', byIt.length);
    const rightAgainAt = Date.now();
    worker.kill('SIGUSR2');
    await rig.lanesServed([`${name}-a`], 2, NOTICED_MS);
    findings.tell('s from its clock being right until it serves', (Date.now() - rightAgainAt) / 1_000);
    await closeBooks(context);
  },
};

export const clockTests = [ahead];

/** Requests that kill, and callers who leave. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTest } from '../fault-test.js';
import { atOnce } from '../load/load.js';
import { ownerOfPort } from '../rig/proc.js';
import { until } from '../rig/wait.js';

const poison: FaultTest = {
  id: '32',
  fault: 'a request that kills every worker that takes it',
  pass: 'its caller gets an error before the deadline, requests beside it are answered',
  remark: 'A job whose worker died three times is given up as poison. Jobs that stood beside it are taken over each time.',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`);
    await rig.provider(`${name}-b`);
    let kills = 0;
    rig.vendor.script(`${name}-a`, async ({ port = 0 }) => {
      const workers = rig.fleet.workers;
      const owner = await ownerOfPort(
        port,
        workers.map((worker) => worker.pid),
      );
      const victim = workers.find((worker) => worker.pid === owner);
      if (victim) kills++;
      victim?.kill('SIGKILL');
      await victim?.exited;
      void rig.fleet.addWorker();
      return { hang: 'headers' };
    });
    rig.vendor.script(`${name}-b`, { delayMs: 500 });
    const poisoned = client.ask({ marker: `${name}-poison`, provider: `${name}-a`, timeoutMs: 90_000, patient: false });
    const beside = await atOnce(client, 300, 20, (i) => ({ marker: `${name}-${i}`, provider: `${name}-b` }));
    const end = await poisoned;
    findings.atLeast('workers that it killed', kills, 3);
    findings.atMost('workers killed', kills, 4);
    findings.holds('the poisoned request ends in an error', end.status >= 500, `${end.status} ${end.code ?? ''}`);
    findings.atMost('s until then', end.ms / 1_000, 90);
    findings.exactly('answered beside it', beside.filter((entry) => entry.status === 200).length, beside.length);
    await until('the fleet is whole again', 20_000, () => rig.fleet.workers.length >= 3);
  },
};

const hangUp: FaultTest = {
  id: '33',
  fault: 'a caller hangs up while the provider is being asked',
  pass: 'the call is finished and its answer cached, its row says client_gone',
  remark:
    'A caller who hangs up while the request still waits takes it out of the queue: apps/standalone/test/e2e/faults.e2e.test.ts.',
  run: async (context) => {
    const { rig, client, findings, name } = context;
    await rig.provider(`${name}-a`);
    rig.vendor.script(`${name}-a`, { delayMs: 1_000 });
    const more = { prompt: `${name}-0 asked twice`, cache: { mode: 'default' as const } };
    const gone = new AbortController();
    const first = client.ask({ marker: `${name}-0`, provider: `${name}-a`, keyed: false, more, signal: gone.signal });
    await rig.vendor.received(`${name}-`, 1);
    gone.abort();
    await first;
    await sleep(1_500);
    const again = await client.ask({ marker: `${name}-0`, provider: `${name}-a`, keyed: false, more });
    findings.holds('the answer is in the cache', again.cache === 'HIT', again.cache ?? again.status);
    findings.exactly('calls', rig.vendor.callsOf(`${name}-`).length, 1);
    await until('its row is there', 10_000, async () => (await goneRows()) === 1);
    findings.exactly('rows that say client_gone', await goneRows(), 1);

    async function goneRows(): Promise<number> {
      const rows = await rig.rows('SELECT 1 FROM llm_usage_logs WHERE service = $1 AND client_gone', [name]);
      return rows.length;
    }
  },
};

export const callerTests = [poison, hangUp];

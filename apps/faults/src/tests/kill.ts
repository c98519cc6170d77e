import type { ChildHandle } from '@llm-gateway/local-services';
import { localPorts } from '../rig/proc.js';
import type { Rig } from '../rig/rig.js';

/** An answer that was sent this short a time ago may not have been written down by the worker that it was sent to. */
const JUST_ANSWERED_MS = 500;

/** The stand-in has read what a dead worker had sent within this even on a busy machine. Later its ports may be others'. */
const READ_MS = 5_000;

/**
 * SIGKILL to workers, at the same moment.
 * @param unwrittenSince (performance.now()) what was answered after this may not be written down: where Redis was away, since it went.
 * @returns how many provider calls they held, to be asked at the end: those on their own connections that were not answered by then, or
 * only just.
 */
export async function killWorkers(
  { vendor }: Rig,
  workers: readonly ChildHandle[],
  unwrittenSince = performance.now() - JUST_ANSWERED_MS,
): Promise<() => number> {
  // Stopped before they are killed, so that nobody opens a connection while they are looked up.
  for (const worker of workers) worker.kill('SIGSTOP');
  const ports = new Set((await Promise.all(workers.map((worker) => localPorts(worker.pid)))).flat());
  const now = performance.now();
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all(workers.map((worker) => worker.exited));
  return () =>
    vendor.calls.filter(
      ({ port, startedAtMs, endedAtMs }) =>
        ports.has(port) && startedAtMs < now + READ_MS && (endedAtMs === null || endedAtMs > unwrittenSince),
    ).length;
}

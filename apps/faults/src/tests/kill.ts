import type { ChildHandle } from '@llm-gateway/local-services';
import type { Rig } from '../rig/rig.js';

/** An answer that was sent this short a time ago may not have been written down by the worker that it was sent to. */
const JUST_ANSWERED_MS = 500;

/**
 * SIGKILL to workers, at the same moment. @returns how many provider calls they held at most, to be asked at the end: those that were open
 * then and that the provider saw given up, and those that it had only just answered, to whomever.
 */
export async function killWorkers({ vendor }: Rig, workers: readonly ChildHandle[]): Promise<() => number> {
  const now = performance.now();
  const { calls } = vendor;
  const open = calls.filter((call) => call.outcome === 'open');
  const answered = calls.filter((call) => call.endedAtMs !== null && call.endedAtMs > now - JUST_ANSWERED_MS).length;
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all(workers.map((worker) => worker.exited));
  return () => {
    const all = new Set(vendor.calls);
    return open.filter((call) => all.has(call) && call.outcome === 'hung_up').length + answered;
  };
}

import type { ChildHandle } from '@llm-gateway/local-services';
import type { Rig } from '../rig/rig.js';

/** An answer that was sent this short a time ago may not have been written down by the worker that it was sent to. */
const JUST_ANSWERED_MS = 500;

/** The stand-in reads what a dead worker had sent, and notices that it is gone, within this even on a busy machine. */
const NOTICED_MS = 2_000;

/**
 * SIGKILL to workers, at the same moment. @returns how many provider calls they held at most, to be asked at the end: those that the
 * provider then saw given up, and those that it had only just answered, to whomever.
 */
export async function killWorkers({ vendor }: Rig, workers: readonly ChildHandle[]): Promise<() => number> {
  const now = performance.now();
  const ended = (from: number, to: number) =>
    vendor.calls.filter(({ endedAtMs }) => endedAtMs !== null && endedAtMs > from && endedAtMs <= to);
  const answered = ended(now - JUST_ANSWERED_MS, now).length;
  for (const worker of workers) worker.kill('SIGKILL');
  await Promise.all(workers.map((worker) => worker.exited));
  return () => answered + ended(now, now + NOTICED_MS).filter((call) => call.outcome === 'hung_up').length;
}

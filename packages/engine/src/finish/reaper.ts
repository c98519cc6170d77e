/** The last net: ends requests that are past their deadline and that nobody else has ended. Runs in every worker. */
import type { RequestStore } from '@llm-gateway/queue';
import { endAbandoned, LOST } from './end-abandoned.js';

const EVERY_MS = 5_000;
const BATCH_PER_SHARD = 100;

type ReaperDeps = Parameters<typeof endAbandoned>[0] & { store: Pick<RequestStore, 'overdue'> };

/** @param knowsTheTime whether this process' clock is to be trusted: one that is ahead would end requests that have time. @returns a function that stops it. */
export function startReaper(deps: ReaperDeps, knowsTheTime: () => boolean): () => void {
  let busy = false;
  const reap = async () => {
    if (busy || !knowsTheTime()) return;
    busy = true;
    try {
      for (const id of await deps.store.overdue(Date.now(), BATCH_PER_SHARD)) {
        if (await endAbandoned(deps, id, LOST))
          deps.logger.warn({ requestId: id }, 'request ended by the reaper: nobody had finished it');
      }
    } catch (error) {
      deps.logger.warn({ err: error }, 'overdue requests could not be looked up, trying again');
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void reap(), EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Looks after the months of the two big tables: the coming ones are made, those past their time are dropped. Runs in every worker. */
import { dropPartitionsBefore, ensureComingPartitions, type Db } from '@llm-gateway/db';
import type { Logger } from '@llm-gateway/shared';

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
/** After a round that failed: the database was away, or somebody's long query held a month that was to go. */
const AGAIN_MS = 60_000;

export interface PartitionCareDeps {
  db: Db;
  /** How long rows are kept; they go by whole months, sums stay. undefined: for ever. */
  retentionDays: number | undefined;
  logger: Logger;
}

/** Begins at once. @returns a function that stops it; a round under way is let finish. */
export function startPartitionCare(deps: PartitionCareDeps): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let round: Promise<void>;
  const next = (): void => {
    round = careForPartitions(deps).then(
      () => wait(EVERY_MS),
      (error: unknown) => {
        deps.logger.warn({ err: error }, 'usage partitions could not be looked after, trying again');
        wait(AGAIN_MS);
      },
    );
  };
  const wait = (ms: number): void => {
    if (!stopped) timer = setTimeout(next, ms).unref();
  };
  next();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await round;
  };
}

/** One round. Any number of processes may make it at once. */
export async function careForPartitions({ db, retentionDays, logger }: PartitionCareDeps, now = Date.now()): Promise<void> {
  const made = await ensureComingPartitions(db, now);
  if (made > 0) logger.info({ made }, 'usage partitions made for the coming months');
  if (retentionDays === undefined) return;
  const dropped = await dropPartitionsBefore(db, new Date(now - retentionDays * DAY_MS));
  if (dropped.length > 0) logger.info({ dropped, retentionDays }, 'usage rows past their retention dropped');
}

/** Deletes provider keys whose grace after a rotation is over. Runs in every worker. */
import { actingAsSystem, forgetExpiredKeys, type Db } from '@llm-gateway/db';
import type { Logger } from '@llm-gateway/shared';

const EVERY_MS = 60_000;

/** @returns a function that stops it; a round under way is let finish. */
export function startKeyCare({ db, logger }: { db: Db; logger: Logger }): () => Promise<void> {
  let round: Promise<void> | null = null;
  const timer = setInterval(() => {
    // A database that hangs must not collect a round a minute.
    round ??= forgetExpiredKeys(actingAsSystem(db), new Date())
      .then((forgotten) => {
        if (forgotten > 0) logger.info({ forgotten }, 'provider keys past their grace deleted');
      })
      .catch((error: unknown) => logger.warn({ err: error }, 'provider keys past their grace could not be deleted, trying again'))
      .finally(() => (round = null));
  }, EVERY_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await round;
  };
}

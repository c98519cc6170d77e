import type { KeptJobs } from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';

const EVERY_MS = 60_000;

/** Every worker does it, for all lanes: what was asked is not to be kept longer than is said. @returns a function that stops it. */
export function startJobSweep(kept: Pick<KeptJobs, 'forgetOld'>, logger: Logger): () => void {
  const timer = setInterval(() => {
    kept.forgetOld(Date.now()).then(
      (forgotten) => forgotten > 0 && logger.info({ forgotten }, 'jobs forgotten, their time is over'),
      (error: unknown) => logger.warn({ err: error }, 'old jobs could not be forgotten, trying again'),
    );
  }, EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

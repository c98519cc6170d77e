/** The worker process: `node apps/worker/dist/main.js`, any number of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { followPriceFile } from '@llm-gateway/engine';
import { collectAsUsual, createLogger, endOnUnexpected, newInstanceId, onStopSignal } from '@llm-gateway/shared';
import { readEnv } from './env.js';
import { makeWorker } from './worker.js';

/** Of the time that a drain has, this much is for handing back what will not be done in it. */
const HAND_BACK_MS = 1_000;

collectAsUsual();

const env = readEnv();
const workerId = newInstanceId('worker');
const logger = createLogger({ name: 'worker', level: env.LOG_LEVEL }).child({ worker: workerId });

endOnUnexpected(logger);
if (env.PRICES_FILE !== undefined) followPriceFile(env.PRICES_FILE, logger);

const worker = makeWorker(env, workerId, logger);

// Before the start, which lasts as long as Redis is away: a parent that is gone by then would not be noticed later.
onStopSignal(async (reason) => {
  logger.info({ reason }, 'draining');
  const late = Math.max(env.SHUTDOWN_TIMEOUT_MS / 2, env.SHUTDOWN_TIMEOUT_MS - HAND_BACK_MS);
  setTimeout(() => {
    logger.warn('drain takes too long, unfinished jobs are handed back');
    // Redis may be away just now: then their locks run out.
    void Promise.race([worker.handBack(), sleep(env.SHUTDOWN_TIMEOUT_MS - late)]).then(() => process.exit(0));
  }, late);
  await worker.stop();
  logger.info('stopped');
  process.exit(0);
});

await worker.start();

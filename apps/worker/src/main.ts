/** The worker process: `node apps/worker/dist/main.js`, any number of them. */
import { followPriceFile } from '@llm-gateway/engine';
import { createLogger, endOnUnexpected, newInstanceId, onStopSignal } from '@llm-gateway/shared';
import { readEnv } from './env.js';
import { makeWorker } from './worker.js';

const env = readEnv();
const workerId = newInstanceId('worker');
const logger = createLogger({ name: 'worker', level: env.LOG_LEVEL }).child({ worker: workerId });

endOnUnexpected(logger);
if (env.PRICES_FILE !== undefined) followPriceFile(env.PRICES_FILE, logger);

const worker = makeWorker(env, workerId, logger);

// Before the start, which lasts as long as Redis is away: a parent that is gone by then would not be noticed later.
onStopSignal(async (reason) => {
  logger.info({ reason }, 'draining');
  setTimeout(() => {
    logger.warn('drain took too long, unfinished jobs will run again elsewhere');
    process.exit(0);
  }, env.SHUTDOWN_TIMEOUT_MS);
  await worker.stop();
  logger.info('stopped');
  process.exit(0);
});

await worker.start();

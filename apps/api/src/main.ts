/** The API process: `node apps/api/dist/main.js`, any number of them. */
import { followPriceFile } from '@llm-gateway/engine';
import { collectAsUsual, collectSooner, createLogger, endOnUnexpected, onStopSignal } from '@llm-gateway/shared';
import { readEnv } from './env.js';
import { startApi } from './start-api.js';

collectSooner();

/** After the drain: for rows that are still to be stored, and connections to be closed. */
const CLOSING_MS = 5_000;

const env = readEnv();
const logger = createLogger({ name: 'api', level: env.LOG_LEVEL });

endOnUnexpected(logger);

// Direct mode prices calls here.
if (env.PRICES_FILE !== undefined) followPriceFile(env.PRICES_FILE, logger);

const starting = startApi(env, logger);

// Before the start is through: a parent that is gone by then would not be noticed later.
onStopSignal(async (reason) => {
  logger.info({ reason }, 'draining');
  // A start that hangs, a disk or a database that does not answer: nothing holds up the end of a process for ever.
  setTimeout(() => {
    logger.warn("shutdown takes too long, what is left is the next process's");
    process.exit(0);
  }, env.SHUTDOWN_TIMEOUT_MS + CLOSING_MS);
  const api = await starting;
  await api.stop();
  logger.info('stopped');
  process.exit(0);
});

const { port } = await starting;
collectAsUsual();
logger.info({ port, host: env.HOST }, 'listening');

/** The API process: `node apps/api/dist/main.js`, any number of them. */
import { followPriceFile } from '@llm-gateway/engine';
import { createLogger, endOnUnexpected, onStopSignal } from '@llm-gateway/shared';
import { readEnv } from './env.js';
import { startApi } from './start-api.js';

const env = readEnv();
const logger = createLogger({ name: 'api', level: env.LOG_LEVEL });

endOnUnexpected(logger);

// Direct mode prices calls here.
if (env.PRICES_FILE !== undefined) followPriceFile(env.PRICES_FILE, logger);

const starting = startApi(env, logger);

// Before the start is through: a parent that is gone by then would not be noticed later.
onStopSignal(async (reason) => {
  const api = await starting;
  logger.info({ reason }, 'draining');
  await api.stop();
  logger.info('stopped');
  process.exit(0);
});

const { port } = await starting;
logger.info({ port, host: env.HOST }, 'listening');

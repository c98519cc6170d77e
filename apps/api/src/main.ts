/** The API process: `node apps/api/dist/main.js`, any number of them. */
import { closeDatabase, openDatabase } from '@llm-gateway/db';
import { createLogger, newInstanceId, type Logger } from '@llm-gateway/shared';
import { createApp } from './app.js';
import { environmentKeys } from './auth/environment-keys.js';
import { readEnv, type Env } from './env.js';
import { composeGenerate } from './generate/compose.js';
import { onStopSignal } from './process/stop-signal.js';
import { serve } from './server.js';

const env = readEnv();
const logger = createLogger({ name: 'api', level: env.LOG_LEVEL });

process.on('uncaughtException', (error) => {
  logger.fatal({ err: error }, 'unexpected failure, the process ends');
  process.exit(1);
});

await run(env, logger);

async function run(env: Env, logger: Logger): Promise<void> {
  const { ENCRYPTION_KEYS: encryptionKeys, EGRESS_ALLOW: egress, SHUTDOWN_TIMEOUT_MS: timeoutMs } = env;
  const db = openDatabase(env.DATABASE_URL);
  const main = await composeGenerate({ apiId: newInstanceId('api'), db, logger, encryptionKeys, egressAllow: egress, env });
  const { config, lanes, belt, routers } = main;
  const queues = { boardQueues: () => config.current().providers.map((provider) => belt.queue(provider.name)) };
  const keys = environmentKeys(env.SERVICE_KEYS, env.ADMIN_KEYS);
  const app = createApp({ db, config, lanes, queues, keys, encryptionKeys, egress, logger, env, routers });
  const server = await serve(app, { port: env.PORT, host: env.HOST });
  logger.info({ port: server.port, host: env.HOST }, 'listening');

  onStopSignal(async (reason) => {
    logger.info({ reason, timeoutMs }, 'draining');
    const finished = await server.drain(timeoutMs);
    if (!finished) logger.warn('requests still in flight were cut off');
    await main.close();
    await closeDatabase(db);
    logger.info('stopped');
    process.exit(0);
  });
}

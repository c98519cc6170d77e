/** The worker process: serves lanes, writes usage rows, ends what nobody else ends. Any number of replicas. */
import { writeFile } from 'node:fs/promises';
import { closeDatabase, openDatabase } from '@llm-gateway/db';
import {
  ConfigWatcher,
  endAbandoned,
  followPriceFile,
  POISONED,
  ProviderPool,
  startReaper,
  UsageWriter,
  type EngineDeps,
} from '@llm-gateway/engine';
import {
  Belt,
  connectRedis,
  evictionWarning,
  Flights,
  LaneHealth,
  Limiter,
  onCancellation,
  RequestStore,
  ResponseCache,
  UsageReader,
} from '@llm-gateway/queue';
import { createLogger, newInstanceId } from '@llm-gateway/shared';
import { readEnv } from './env.js';
import { handleJob } from './handle-job.js';
import { Lanes } from './lanes.js';

const env = readEnv();
const workerId = newInstanceId('worker');
const logger = createLogger({ name: 'worker', level: env.LOG_LEVEL }).child({ worker: workerId });

if (env.PRICES_FILE !== undefined) followPriceFile(env.PRICES_FILE, logger);
const redis = connectRedis(env.REDIS_URL, 'patient', logger);
const subscriber = connectRedis(env.REDIS_URL, 'patient', logger);
const limiterRedis = connectRedis(env.REDIS_URL, 'patient', logger);
const streamRedis = connectRedis(env.REDIS_URL, 'patient', logger);
const cacheInOrder = env.CACHE_REDIS_URL === undefined || env.CACHE_REDIS_URL === env.REDIS_URL;
// A cache of its own must not hold up answers when it is down.
const cacheRedis = cacheInOrder ? redis : connectRedis(env.CACHE_REDIS_URL as string, 'fail-fast', logger);
const db = openDatabase(env.DATABASE_URL);

const config = new ConfigWatcher({ db, redis, subscriber, logger });
const providers = new ProviderPool({
  current: () => config.current(),
  encryptionKeys: env.ENCRYPTION_KEYS,
  egressAllow: env.EGRESS_ALLOW,
});
const limiter = new Limiter(limiterRedis, logger);
const health = new LaneHealth(redis);
const deps: EngineDeps = {
  instanceId: workerId,
  store: new RequestStore(redis),
  flights: new Flights(redis),
  cache: new ResponseCache(cacheRedis),
  cacheInOrder,
  belt: new Belt({ redisUrl: env.REDIS_URL, role: 'patient', redis, logger }),
  lanes: health,
  limiter,
  providers,
  logger,
};
const lanes = new Lanes({
  workerId,
  redisUrl: env.REDIS_URL,
  concurrency: env.WORKER_CONCURRENCY,
  only: env.WORKER_PROVIDERS,
  health,
  limiter,
  belt: deps.belt,
  logger,
  handle: (payload, signal) => handleJob(deps, payload, signal),
  onPoison: async (payload) => {
    await endAbandoned(deps, payload.head.id, POISONED);
  },
});
const writer = new UsageWriter(new UsageReader(streamRedis, workerId, logger), db, logger);

onCancellation(subscriber, (requestId) => lanes.cancel(requestId));
config.onChange((snapshot) => lanes.follow(snapshot));
await config.start();
writer.start();
const stopReaper = startReaper(deps);
setInterval(() => void writeFile(env.HEALTH_FILE, String(Date.now())).catch(() => undefined), 1_000);
void evictionWarning(redis)
  .then((warning) => warning && logger.warn(warning))
  .catch(() => undefined);
logger.info({ lanes: lanes.names, concurrency: env.WORKER_CONCURRENCY }, 'ready');

let draining = false;
/** Stops taking jobs and finishes those in hand; what is not done in time runs again on another replica. */
async function drain(reason: string): Promise<void> {
  if (draining) return;
  draining = true;
  logger.info({ reason }, 'draining');
  setTimeout(() => {
    logger.warn('drain took too long, unfinished jobs will run again elsewhere');
    process.exit(0);
  }, env.SHUTDOWN_TIMEOUT_MS).unref();
  stopReaper();
  config.stop();
  await lanes.close();
  await writer.stop();
  await Promise.allSettled([limiter.close(), deps.belt.close(), closeDatabase(db)]);
  for (const client of new Set([redis, subscriber, limiterRedis, streamRedis, cacheRedis])) client.disconnect();
  logger.info('stopped');
  process.exit(0);
}

process.on('SIGTERM', () => void drain('SIGTERM'));
process.on('SIGINT', () => void drain('SIGINT'));
// Started with a channel (npm start, tests): the parent's end is ours.
process.on('disconnect', () => void drain('parent ended'));

/** Puts together what one API replica runs on: connections, reply channel, lane monitor, configuration, and the routers of the main job. */
import type { Db, EncryptionKeys } from '@llm-gateway/db';
import { BudgetBook, ConfigWatcher, endAbandoned, POISONED, ProviderPool, type MetricsSources } from '@llm-gateway/engine';
import type { EgressRules } from '@llm-gateway/providers';
import {
  Belt,
  BudgetLedger,
  connectRedis,
  evictionWarning,
  Flights,
  KeptJobs,
  LaneHealth,
  readLimiterUse,
  RedisPulse,
  ReplyBus,
  RequestStore,
  ResponseCache,
  waitUntilReady,
  type Redis,
} from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';
import { adminJobsRouter } from './admin/jobs.js';
import type { Deps } from './deps.js';
import { composeDirect } from './direct/compose-direct.js';
import type { Env } from './env.js';
import type { GenerateDeps } from './generate/deps.js';
import { generateRoute } from './generate/route.js';
import { bulkReplayRouter, jobsRouter, replayRouter } from './jobs/router.js';
import { LaneMonitor } from './lanes/lane-monitor.js';

/** A start without Redis goes on after this: the process answers, and says so in its readiness. */
const REDIS_AT_START_MS = 3_000;
export interface Replica {
  routers: Deps['routers'];
  limiterUse: Deps['limiterUse'];
  config: ConfigWatcher;
  lanes: LaneMonitor;
  belt: Belt;
  budgets: BudgetBook;
  metricsSources: MetricsSources;
  redis: Redis;
  close(): Promise<void>;
}

export interface ReplicaOptions {
  apiId: string;
  db: Db;
  logger: Logger;
  encryptionKeys: EncryptionKeys;
  egressAllow: EgressRules;
  env: Env;
}

export async function composeReplica({ apiId, db, logger, encryptionKeys, egressAllow, env }: ReplicaOptions): Promise<Replica> {
  const redis = connectRedis(env.REDIS_URL, 'fail-fast', logger);
  const subscriber = connectRedis(env.REDIS_URL, 'patient', logger);
  const cacheInOrder = env.CACHE_REDIS_URL === env.REDIS_URL;
  const cacheRedis = cacheInOrder ? redis : connectRedis(env.CACHE_REDIS_URL, 'fail-fast', logger);
  await Promise.all([redis, subscriber].map((client) => waitUntilReady(client, REDIS_AT_START_MS)));
  const pulse = new RedisPulse({ redis, replicaId: apiId, replicasAtStart: env.API_REPLICAS, name: 'queues', logger });
  const cachePulse = cacheInOrder ? pulse : new RedisPulse({ redis: cacheRedis, replicaId: apiId, name: 'cache', logger });
  const pulses = new Set([pulse, cachePulse]);
  await Promise.all([...pulses].map((each) => each.start()));
  warnAboutEviction(redis, logger);

  const config = new ConfigWatcher({ db, redis, subscriber, logger });
  const store = new RequestStore(redis);
  const budgets = new BudgetBook({ ledger: new BudgetLedger(redis), db, current: () => config.current() });
  const belt = new Belt({ redisUrl: env.REDIS_URL, role: 'fail-fast', redis, logger });
  const health = new LaneHealth(redis);
  const providerNames = () => config.current().providers.map((provider) => provider.name);
  const lanes = new LaneMonitor(health, providerNames, pulse);
  const providers = new ProviderPool({ current: () => config.current(), encryptionKeys, egressAllow });
  const [flights, cache, kept] = [new Flights(redis), new ResponseCache(cacheRedis), new KeptJobs(redis)];
  const shared = { pulse, cachePulse, store, flights, cache, cacheInOrder, providers, logger };
  const here = await composeDirect({
    ...{ apiId, db, redis, subscriber, budgets, env, ...shared },
    monitor: lanes,
  });
  const replies = new ReplyBus({ apiId, subscriber, store, logger, onStuck: (requestId) => endIfDead(deps, requestId) });
  const { direct, spool, vacancies } = here;
  const deps: GenerateDeps = {
    ...{ ...shared, direct, spool, vacancies, apiId, db, redis, belt, budgets, lanes, replies, kept, config },
    queueMaxDepth: env.QUEUE_MAX_DEPTH,
    cacheTtlSeconds: env.CACHE_TTL_SECONDS,
  };
  config.onChange((snapshot) => {
    const names = snapshot.providers.map((provider) => provider.name);
    belt.open(names);
    void belt.retain(names);
  });
  await config.start();
  await lanes.start();

  const close = async () => {
    lanes.stop();
    config.stop();
    replies.close();
    // While Redis can still be told, and before the database is closed.
    await here.close();
    for (const each of pulses) each.stop();
    await belt.close().catch(() => undefined);
    for (const client of new Set([redis, subscriber, cacheRedis])) client.disconnect();
  };
  const metricsSources = { redis, lanes: health, providers: providerNames, own: () => ownFigures(here) };
  const routers = {
    generate: generateRoute(deps),
    jobs: jobsRouter(deps),
    replay: replayRouter(deps),
    bulkReplay: bulkReplayRouter(deps),
    adminJobs: adminJobsRouter(deps),
  };
  const limiterUse = (provider: string) => readLimiterUse(redis, provider);
  return { routers, config, lanes, limiterUse, belt, budgets, redis, metricsSources, close };
}

const ownFigures = ({ direct, spool }: Pick<GenerateDeps, 'direct' | 'spool'>) => ({
  direct_requests: { help: 'Requests that this process carries out itself just now (direct mode)', value: direct.running },
  usage_spool_bytes: { help: 'Usage in files of this process that the database has not taken yet', value: spool.bytes },
});

/** A job that BullMQ failed without running it sends no reply: whoever waits looks at the job itself. */
async function endIfDead(deps: GenerateDeps, requestId: string): Promise<void> {
  if (!deps.pulse.canRead) return;
  const stored = await deps.store.read(requestId);
  const provider = stored?.head.lanes[stored.hop];
  if (!stored || provider === undefined) return;
  if ((await deps.belt.state(provider, requestId, stored.hop)) === 'failed') await endAbandoned(deps, requestId, POISONED);
}

function warnAboutEviction(redis: Redis, logger: Logger): void {
  evictionWarning(redis)
    .then((warning) => warning && logger.warn(warning))
    // A managed Redis may refuse CONFIG: then its operator must know.
    .catch(() => undefined);
}

/** Puts one worker together: it serves lanes, writes usage rows, ends what nobody else ends. */
import { writeFile } from 'node:fs/promises';
import { closeDatabase, openDatabase } from '@llm-gateway/db';
import {
  BudgetBook,
  ConfigWatcher,
  endAbandoned,
  POISONED,
  ProviderPool,
  renderMetrics,
  serveMetrics,
  startAlertDelivery,
  startBudgetWatch,
  startKeyCare,
  startPartitionCare,
  startReaper,
  UNREADABLE,
  UsageWriter,
  type MetricsSources,
} from '@llm-gateway/engine';
import {
  Belt,
  BudgetLedger,
  ClockWatch,
  evictionWarning,
  Flights,
  KeptJobs,
  LaneHealth,
  Limiter,
  onCancellation,
  RequestStore,
  ResponseCache,
  UsageReader,
  type Redis,
} from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';
import { openConnections, type Connections } from './connections.js';
import type { Env } from './env.js';
import { handleJob } from './handle-job.js';
import { Lanes } from './lanes.js';
import { startJobSweep } from './sweep-jobs.js';
import type { WorkerDeps } from './worker-deps.js';

const ALIVE_EVERY_MS = 1_000;

export interface Worker {
  /** Resolves once lanes are served; it waits for Redis or the database as long as both are away. */
  start(): Promise<void>;
  /** Takes no more jobs and finishes those in hand; also during the start. The health file goes on until the process ends. */
  stop(): Promise<void>;
  /** During a stop that takes too long: gives the jobs in hand to other workers. The process is to end right after. */
  handBack(): Promise<void>;
}

/** A worker that is yet to start; its connections are being made. */
export function makeWorker(env: Env, workerId: string, logger: Logger): Worker {
  const connections = openConnections(env, logger);
  const { redis, subscriber } = connections;
  const db = openDatabase(env.DATABASE_URL);
  const config = new ConfigWatcher({ db, redis, subscriber, logger });
  const ledger = new BudgetLedger(redis);
  const current = () => config.current();
  const budgets = new BudgetBook({ ledger, db, current });
  const deps = engineDeps({ env, workerId, connections, config, budgets, logger });
  const lanes = makeLanes(env, deps, config);
  const clock = watchClock(redis, deps, lanes);
  const writer = new UsageWriter(new UsageReader(connections.stream, workerId, logger), { db, budgets, logger });
  let stopTimers = (): Promise<void> => Promise.resolve();
  let stopping = false;

  const start = async (): Promise<void> => {
    if (stopping) return;
    setInterval(() => void writeFile(env.HEALTH_FILE, String(Date.now())).catch(() => undefined), ALIVE_EVERY_MS);
    // Before all that waits: what is missing is to be seen there.
    await listenForMetrics(
      env,
      { redis, lanes: deps.lanes, providers: () => current().providers.map(({ name }) => name), own: () => clock.figure },
      logger,
    );
    onCancellation(subscriber, (requestId) => lanes.cancel(requestId));
    config.onChange((snapshot) => {
      if (stopping) return;
      lanes.follow(snapshot);
      warmUp(deps, lanes, logger);
    });
    clock.start();
    await config.start();
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set by stop() during the await
    if (stopping) return;
    writer.start();
    const stopReaper = startReaper(deps, () => clock.agrees);
    const stopSweep = startJobSweep(deps.kept, logger);
    const stopWatch = startBudgetWatch({ instanceId: workerId, ledger, book: budgets, db, current, logger });
    const stopDelivery = startAlertDelivery({ db, egressAllow: env.EGRESS_ALLOW, secrets: env.WEBHOOK_SECRET, logger });
    const stopCare = startPartitionCare({ db, retentionDays: env.USAGE_RETENTION_DAYS, logger });
    const stopKeyCare = startKeyCare({ db, logger });
    stopTimers = async () => {
      stopReaper();
      stopSweep();
      stopWatch();
      await Promise.all([stopDelivery(), stopCare(), stopKeyCare()]);
    };
    warnAboutEviction(connections, logger);
    logger.info({ lanes: lanes.names, concurrency: env.WORKER_CONCURRENCY }, 'ready');
  };
  const stop = async (): Promise<void> => {
    stopping = true;
    const timersStopped = stopTimers();
    clock.stop();
    config.stop();
    await lanes.close();
    await writer.stop();
    await timersStopped;
    await Promise.allSettled([deps.limiter.close(), deps.belt.close(), closeDatabase(db)]);
    connections.disconnect();
  };
  return { start, stop, handBack: () => lanes.handBack() };
}

/** Listens until the process ends. */
async function listenForMetrics(env: Env, sources: MetricsSources, logger: Logger): Promise<void> {
  const { WORKER_METRICS_PORT: port, METRICS_HOST: host, METRICS_TOKEN: token } = env;
  if (port === undefined) return;
  const listener = await serveMetrics({ port, host, token, render: () => renderMetrics(sources) });
  logger.info({ metricsPort: listener.port, host }, 'metrics can be read');
}

interface Parts {
  env: Env;
  workerId: string;
  connections: Connections;
  config: ConfigWatcher;
  budgets: BudgetBook;
  logger: Logger;
}

function engineDeps({ env, workerId, connections, config, budgets, logger }: Parts): WorkerDeps {
  const { redis, limiter, cache, cacheInOrder } = connections;
  return {
    instanceId: workerId,
    store: new RequestStore(redis, 'patient'),
    kept: new KeptJobs(redis),
    flights: new Flights(redis),
    cache: new ResponseCache(cache),
    cacheInOrder,
    belt: new Belt({ redisUrl: env.REDIS_URL, role: 'patient', redis, logger }),
    lanes: new LaneHealth(redis),
    limiter: new Limiter(limiter, logger),
    providers: new ProviderPool({
      current: () => config.current(),
      encryptionKeys: env.ENCRYPTION_KEYS,
      egressAllow: env.EGRESS_ALLOW,
    }),
    budgets,
    logger,
  };
}

function makeLanes(env: Env, deps: WorkerDeps, config: ConfigWatcher): Lanes {
  return new Lanes({
    workerId: deps.instanceId,
    redisUrl: env.REDIS_URL,
    concurrency: env.WORKER_CONCURRENCY,
    only: env.WORKER_PROVIDERS,
    health: deps.lanes,
    limiter: deps.limiter,
    belt: deps.belt,
    configConfirmedAt: () => config.confirmedAt,
    logger: deps.logger,
    handle: (payload, signal) => handleJob(deps, payload, signal),
    trim: (provider) => deps.kept.trimCompleted(provider),
    onDead: async (requestId, why) => {
      await endAbandoned(deps, requestId, why === 'poisoned' ? POISONED : UNREADABLE);
    },
  });
}

/** Jobs are taken only while the clock is right. */
function watchClock(redis: Redis, deps: WorkerDeps, lanes: Lanes): ClockWatch {
  const serve = () => lanes.resume().then(() => warmUp(deps, lanes, deps.logger));
  return new ClockWatch({ redis, logger: deps.logger, onChange: (agrees) => void (agrees ? serve() : lanes.pause()) });
}

/** In the background: a lane whose vendor cannot be loaded says so with each call. */
function warmUp({ providers }: WorkerDeps, lanes: Lanes, logger: Logger): void {
  void providers.warmUp(lanes.names).catch((error: unknown) => logger.error({ err: error }, "a vendor's SDK cannot be loaded"));
}

function warnAboutEviction({ redis }: Connections, logger: Logger): void {
  void evictionWarning(redis)
    .then((warning) => warning && logger.warn(warning))
    // A managed Redis may refuse CONFIG: then its operator must know.
    .catch(() => undefined);
}

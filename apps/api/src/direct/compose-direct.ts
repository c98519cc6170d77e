/** Puts direct mode together: the spool, the local limits, and the eye on lanes that are deserted. */
import type { Db } from '@llm-gateway/db';
import { UsageSpool, warnOfOwnerlessSpools, type BudgetBook } from '@llm-gateway/engine';
import { LocalLaneHealth, LocalLimiter, onCancellation, type Redis } from '@llm-gateway/queue';
import type { Env } from '../env.js';
import type { GenerateDeps } from '../generate/deps.js';
import type { LaneMonitor } from '../lanes/lane-monitor.js';
import { DirectMode } from './direct-mode.js';
import { spoolDirectory } from './spool-directory.js';
import { storeUsage } from './store-usage.js';
import { Vacancies } from './vacancies.js';

/** How long the end of the process waits for rows that are still to be stored; the next start stores the rest. */
const SPOOL_AT_END_MS = 2_000;

type Shared = Pick<
  GenerateDeps,
  'pulse' | 'cachePulse' | 'store' | 'flights' | 'cache' | 'cacheInOrder' | 'providers' | 'logger'
>;

export interface DirectParts extends Shared {
  apiId: string;
  db: Db;
  redis: Redis;
  subscriber: Redis;
  budgets: BudgetBook;
  monitor: LaneMonitor;
  env: Env;
}

export interface Direct extends Pick<GenerateDeps, 'direct' | 'spool' | 'vacancies'> {
  close(): Promise<void>;
}

/** @throws Error where USAGE_SPOOL_DIR cannot be written. */
export async function composeDirect({
  apiId,
  db,
  redis,
  subscriber,
  budgets,
  monitor,
  env,
  ...shared
}: DirectParts): Promise<Direct> {
  const { pulse, logger } = shared;
  const directory = spoolDirectory(env);
  const spool = new UsageSpool({
    directory,
    owner: apiId,
    maxBytes: env.USAGE_SPOOL_MAX_BYTES,
    store: (events) => storeUsage({ db, redis, pulse, budgets }, events),
    logger,
  });
  await spool.start();
  void warnOfOwnerlessSpools(env.USAGE_SPOOL_DIR, directory, logger);
  const limiter = new LocalLimiter(() => pulse.replicas);
  const maxConcurrency = env.DIRECT_MODE_MAX_CONCURRENCY;
  const local = { limiter, lanes: new LocalLaneHealth(), spool, budgets, maxConcurrency };
  const direct = new DirectMode({ ...shared, ...local, instanceId: apiId });
  onCancellation(subscriber, (requestId) => direct.cancel(requestId));
  const vacancies = new Vacancies();
  monitor.onVacancy(() => void vacancies.look());
  if (!direct.isOff) warmUpWhenNeeded(shared, monitor);
  const close = async () => {
    limiter.close();
    await spool.close(SPOOL_AT_END_MS);
  };
  return { direct, spool, vacancies, close };
}

/** The vendors' SDKs take memory that an API process can do without, until it has to make calls itself. */
function warmUpWhenNeeded({ pulse, providers, logger }: Shared, monitor: LaneMonitor): void {
  const warmUp = (names: readonly string[]) =>
    void providers.warmUp(names).catch((error: unknown) => logger.error({ err: error }, "a vendor's SDK cannot be loaded"));
  const lanes = () => [...monitor.status().keys()];
  pulse.onDown(() => warmUp(lanes()));
  monitor.onVacancy(() => warmUp(lanes().filter((name) => monitor.isDeserted(name))));
}

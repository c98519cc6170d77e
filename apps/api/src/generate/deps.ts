import type { BudgetBook, ConfigWatcher, EngineDeps } from '@llm-gateway/engine';
import type { KeptJobs, ReplyBus, Redis } from '@llm-gateway/queue';
import type { Db } from '@llm-gateway/db';
import type { LaneMonitor } from '../lanes/lane-monitor.js';

/** What the generate flow needs of this process. */
export interface GenerateDeps extends Pick<
  EngineDeps,
  'store' | 'flights' | 'cache' | 'cacheInOrder' | 'belt' | 'providers' | 'logger'
> {
  apiId: string;
  redis: Redis;
  db: Db;
  budgets: Pick<BudgetBook, 'reserve' | 'release' | 'settle'>;
  replies: ReplyBus;
  kept: KeptJobs;
  config: Pick<ConfigWatcher, 'current' | 'loaded'>;
  lanes: Pick<LaneMonitor, 'isDeserted'>;
  queueMaxDepth: number;
  cacheTtlSeconds: number;
}

/** Who calls, as far as this flow cares. */
export interface GenerateCaller {
  keyId: string;
  /** The service that the key belongs to; null: the request says which. */
  service: string | null;
}

import type { Belt, Flights, KeptJobs, RedisPulse, ReplyBus, Redis, RequestStore, ResponseCache } from '@llm-gateway/queue';
import type { BudgetBook, ConfigWatcher, EngineDeps, UsageSpool } from '@llm-gateway/engine';
import type { Db } from '@llm-gateway/db';
import type { DirectMode } from '../direct/direct-mode.js';
import type { Vacancies } from '../direct/vacancies.js';
import type { LaneMonitor } from '../lanes/lane-monitor.js';

/** What the generate flow needs of this process. */
export interface GenerateDeps extends Pick<EngineDeps, 'cacheInOrder' | 'providers' | 'logger'> {
  apiId: string;
  redis: Redis;
  db: Db;
  /** How Redis is doing, and the cache's, which may be another. */
  pulse: RedisPulse;
  cachePulse: RedisPulse;
  store: RequestStore;
  flights: Flights;
  cache: ResponseCache;
  belt: Belt;
  budgets: Pick<BudgetBook, 'reserve' | 'release' | 'settle' | 'isHardLimited'>;
  replies: ReplyBus;
  kept: KeptJobs;
  config: Pick<ConfigWatcher, 'current' | 'loaded'>;
  lanes: Pick<LaneMonitor, 'isDeserted' | 'isServed' | 'isWorkerless'>;
  direct: DirectMode;
  vacancies: Vacancies;
  spool: UsageSpool;
  queueMaxDepth: number;
  cacheTtlSeconds: number;
}

/** Who calls, as far as this flow cares. */
export interface GenerateCaller {
  keyId: string;
  /** The service that the key belongs to; null: the request says which. */
  service: string | null;
  /** The customer that the caller is bound to; null or absent: any of the service's. */
  customerId?: string | null;
}

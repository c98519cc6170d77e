/** What the routes need, as narrow as they need it. `start-api.ts` makes the real ones. */
import type { Db, EncryptionKeys } from '@llm-gateway/db';
import type { BudgetBook, ConfigWatcher } from '@llm-gateway/engine';
import type { EgressRules } from '@llm-gateway/providers';
import type { LimiterUse, Redis } from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';
import type { RequestHandler, Router } from 'express';
import type { RefusalLog } from './audit/refusals.js';
import type { KeyStore } from './auth/caller.js';
import type { KeyRate } from './auth/key-rate.js';
import type { BoardQueue } from './board/board.js';
import type { Env } from './env.js';
import type { LaneMonitor } from './lanes/lane-monitor.js';
import type { MetricsAccess } from './metrics/router.js';

export interface Queues {
  /** One for each configured provider. */
  boardQueues(): BoardQueue[];
}

export interface Deps {
  db: Db;
  config: Pick<ConfigWatcher, 'current' | 'changed' | 'onChange'>;
  budgets: Pick<BudgetBook, 'standings'>;
  lanes: Pick<LaneMonitor, 'status' | 'redisUp'>;
  /** What a provider's limits are used for at the moment. */
  limiterUse: (provider: string) => Promise<LimiterUse>;
  queues: Queues;
  keys: KeyStore;
  keyRate: Pick<KeyRate, 'take'>;
  /** Where administrators' sessions are kept. */
  adminRedis: Redis;
  refusals: Pick<RefusalLog, 'note'>;
  encryptionKeys: EncryptionKeys;
  egress: EgressRules;
  /** Who may read `/metrics` beside the API; null: it is not there. */
  metrics: MetricsAccess | null;
  logger: Logger;
  env: Pick<Env, 'MAX_BODY_BYTES' | 'DIRECT_MODE_MAX_CONCURRENCY' | 'ADMIN_COOKIE_SECURE'>;
  /** The main job's routers, which have dependencies of their own. */
  routers: { generate: RequestHandler; jobs: Router; replay: Router; bulkReplay: Router; adminJobs: Router };
}

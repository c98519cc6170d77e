import type { Belt, Flights, LaneHealth, Limiter, RequestStore, ResponseCache } from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';
import type { BudgetBook } from './budgets/budget-book.js';
import type { ProviderPool } from './provider-pool.js';

/**
 * What one attempt needs. Behind each of these stands Redis, which all replicas share; or in direct mode, without it, this
 * process's memory. What is done with them is the same.
 */
export interface EngineDeps {
  /** The worker or API process that does the work, for the attempt's row. */
  instanceId: string;
  store: Pick<RequestStore, 'openAttempt' | 'withdrawAttempt' | 'closeAttempt' | 'moveTo' | 'read' | 'finish'>;
  flights: Pick<Flights, 'release'>;
  cache: Pick<ResponseCache, 'set' | 'getStale'>;
  /** The cache uses the same connection as the rest, which keeps its commands in order. */
  cacheInOrder: boolean;
  belt: Pick<Belt, 'enqueue'>;
  lanes: Pick<LaneHealth, 'check' | 'isOpen' | 'pause' | 'failed' | 'recovered' | 'probeInconclusive'>;
  limiter: Pick<Limiter, 'admit'>;
  providers: ProviderPool;
  budgets: Pick<BudgetBook, 'settle'>;
  logger: Logger;
}

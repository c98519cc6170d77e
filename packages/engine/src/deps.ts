import type { Belt, Flights, LaneHealth, Limiter, RequestStore, ResponseCache } from '@llm-gateway/queue';
import type { Logger } from '@llm-gateway/shared';
import type { BudgetBook } from './budgets/budget-book.js';
import type { ProviderPool } from './provider-pool.js';

/** What one attempt needs. */
export interface EngineDeps {
  /** The worker or API process that does the work, for the attempt's row. */
  instanceId: string;
  store: RequestStore;
  flights: Flights;
  cache: ResponseCache;
  /** The cache uses the same connection as the rest, which keeps its commands in order. */
  cacheInOrder: boolean;
  belt: Belt;
  lanes: LaneHealth;
  limiter: Limiter;
  providers: ProviderPool;
  budgets: Pick<BudgetBook, 'settle'>;
  logger: Logger;
}

/** One attempt: limit → call → price → record. The worker's work, and the api's in direct mode. */
export { attempt } from './attempt/attempt.js';
export { estimateInput } from './attempt/attempt-row.js';
export { BudgetBook, BudgetsUnavailable, type RequestCost, type SpendingRequest } from './budgets/budget-book.js';
export { startAlertDelivery } from './budgets/deliver-alerts.js';
export { estimateCost } from './budgets/estimate-cost.js';
export { parseWebhookSecrets, type WebhookSecrets } from './budgets/sign-webhook.js';
export { startBudgetWatch } from './budgets/watch-budgets.js';
export { cacheKey, cacheScope } from './cache-key.js';
export { ConfigWatcher } from './config/config-watcher.js';
export type { EngineDeps } from './deps.js';
export { endAbandoned, POISONED, UNREADABLE } from './finish/end-abandoned.js';
export { startReaper } from './finish/reaper.js';
export { refusedEvent, sharedAnswerEvent, type Asker } from './finish/usage-log.js';
export { providerClient, ProviderPool, type ClientSettings, type ReadyProvider } from './provider-pool.js';
export { startPartitionCare } from './usage/partition-care.js';
export { UsageWriter } from './usage/usage-writer.js';
export { followPriceFile } from './price-file.js';

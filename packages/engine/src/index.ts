/** One attempt: limit → call → price → record. The worker's work, and the api's in direct mode. */
export { attempt } from './attempt/attempt.js';
export { estimateInput } from './attempt/attempt-row.js';
export { cacheKey, cacheScope } from './cache-key.js';
export { ConfigWatcher } from './config/config-watcher.js';
export type { EngineDeps } from './deps.js';
export { endAbandoned, POISONED, UNREADABLE } from './finish/end-abandoned.js';
export { startReaper } from './finish/reaper.js';
export { refusedEvent, sharedAnswerEvent, type Asker } from './finish/usage-log.js';
export { providerClient, ProviderPool, type ClientSettings, type ReadyProvider } from './provider-pool.js';
export { UsageWriter } from './usage/usage-writer.js';
export { followPriceFile } from './price-file.js';

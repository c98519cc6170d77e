/** The rows. The only package that knows Prisma and PostgreSQL; everyone else calls functions with domain names. */
export { recordDeeds } from './audit/audited.js';
export { listAudit, type AuditFilter } from './audit/audit-log.js';
export {
  claimDueAlerts,
  listAlerts,
  markDelivered,
  markUndelivered,
  raiseAlert,
  type DueAlert,
  type NewAlert,
} from './budgets/alerts.js';
export type { BudgetInput, BudgetPatch, StoredBudget } from './budgets/budget-rows.js';
export { recordedSpend, type RecordedSpend, type SpendSpan } from './budgets/budget-spend.js';
export { createBudget, deleteBudget, getBudget, listBudgets, updateBudget } from './budgets/budgets.js';
export { configVersion, loadSnapshot } from './config/config-state.js';
export type { OverrideInput } from './config/override-rows.js';
export { createOverride, deleteOverride, getOverride, listOverrides, updateOverride } from './config/overrides.js';
export { forgetExpiredKeys, rotateProviderKey } from './config/provider-keys.js';
export type { ProviderInput } from './config/provider-rows.js';
export {
  countProviders,
  createProvider,
  deleteProvider,
  getProvider,
  listProviders,
  updateProvider,
} from './config/providers.js';
export { reencryptBatch, secretsByKey, type ReencryptedBatch, type SecretsOfKey } from './config/reencrypt.js';
export {
  actingAs,
  actingAsSystem,
  atOneMoment,
  closeDatabase,
  openDatabase,
  pingDatabase,
  type ActingDb,
  type DatabaseOptions,
  type Db,
} from './connection/database.js';
export { isDataError } from './connection/errors.js';
export { decryptSecret, encryptSecret, parseEncryptionKeys, type EncryptionKeys } from './encryption.js';
export type { ServiceKeyInput, StoredServiceKey } from './keys/key-rows.js';
export { keyFingerprint, keyIdOf } from './keys/key-text.js';
export { openPepper } from './keys/pepper.js';
export { createServiceKey, deleteServiceKey, listServiceKeys, noteKeyUse, rotateServiceKey } from './keys/service-keys.js';
export { findDrift } from './migrations/drift.js';
export { migrate, type MigrateOptions } from './migrations/migrate.js';
export type { Page, PageRequest } from './page.js';
export { billedUsage, type BilledUsage } from './usage/billed-usage.js';
export type { SpentRequest } from './usage/costs-of.js';
export { insertUsage, type InsertedUsage } from './usage/insert-usage.js';
export { repriceAttempts, storedAttempts, type AttemptRange, type NewPrice, type StoredAttempt } from './usage/reprice-usage.js';
export type { UsageFigures } from './usage/figures.js';
export { usageBy, usageSummary, type UsageByOptions, type UsageDimension, type UsageSort } from './usage/usage-figures.js';
export type { UsageFilter } from './usage/usage-filter.js';
export { dropPartitionsBefore, ensureComingPartitions } from './usage/partitions/partitions.js';
export { checkRollups, type CheckedMonth } from './usage/rollups/check.js';
export { oldestUsage, rebuildRollups } from './usage/rollups/rebuild.js';
export { wholeMonths } from './usage/rollups/spans.js';
export { providerErrors, unpricedModels, type ProviderErrors, type UnpricedModel } from './usage/usage-attempts.js';
export { recentCalls } from './usage/recent-calls.js';
export { usageExport, type UsageExportRow } from './usage/usage-export.js';
export { spendByServiceAndCustomer, type Spend } from './usage/usage-spend.js';
export { countBuckets, usageTimeseries, type UsageBucket } from './usage/usage-timeseries.js';
export { usageLogs, usageLogWithAttempts } from './usage/usage-logs.js';
export type { UsageAttemptView, UsageLogView } from './usage/usage-views.js';

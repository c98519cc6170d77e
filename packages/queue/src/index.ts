/** The belt: everything that stands in Redis. The only importer of bullmq, ioredis and bottleneck. */
export type { Redis } from 'ioredis';
export { closeAdminSession, openAdminSession, readAdminSession, rewriteAdminSession } from './access/admin-sessions.js';
export { countApiReplicas, takeFromMinute } from './access/key-rate.js';
export { LocalMinute } from './access/local-minute.js';
export type { MinuteShare } from './access/minute.js';
export { Belt, laneOf, type JobState, type QueueLook } from './belt.js';
export {
  BudgetLedger,
  type BudgetSpan,
  type Remembered,
  type Reservation,
  type SettledCost,
  type Standing,
} from './budgets/budget-ledger.js';
export { ResponseCache, type CacheEntry } from './cache/response-cache.js';
export { broadcastCancellation, onCancellation } from './cancellations.js';
export { announceConfigChange, onConfigChange, readConfigMirror, writeConfigMirror } from './config-channel.js';
export { generateJob, requestHead, type GenerateJobPayload, type RequestHead } from './generate-job.js';
export { KeptJobs, type JobRef, type KeptJob, type Shelf } from './jobs/kept-jobs.js';
export { LaneWorker, type LaneResult } from './lane-worker.js';
export { readAllowance, readLimiterUse, type Allowance, type LimiterUse } from './lanes/allowance.js';
export { LaneHealth, type LaneCheck, type LaneStatus } from './lanes/lane-health.js';
export { Limiter, type Admission, type LaneLimits, type Permit } from './lanes/limiter.js';
export { LocalLaneHealth } from './lanes/local-lane-health.js';
export { LocalLimiter } from './lanes/local-limiter.js';
export { ClockWatch } from './redis/clock-watch.js';
export { RedisPulse } from './redis/pulse.js';
export { isReplicaAlive } from './redis/replicas.js';
export { wasNotCarriedOut } from './redis/refusals.js';
export { connectRedis, evictionWarning, waitUntilReady } from './redis/connect.js';
export { commandsWritten } from './redis/turn-connector.js';
export { Flights, type IdempotencyRecord } from './request/flights.js';
export { outcomeError, type ErrorOutcome, type OkOutcome, type Outcome } from './request/outcome.js';
export { ReplyBus } from './request/reply-bus.js';
export { RequestStore, type Finish, type OpenReply, type StoredRequest } from './request/request-store.js';
export { usageBacklog, type UsageBacklog } from './usage/usage-backlog.js';
export { appendUsage, UsageReader, type UsageEntry } from './usage/usage-stream.js';

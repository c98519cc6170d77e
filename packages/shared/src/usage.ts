/** The money's vocabulary: what happened, as it travels over the usage stream into the tables. */
import { z } from 'zod';
import { finishReason } from './generate.js';
import { providerType } from './provider-config.js';
import { tokenBuckets } from './tokens.js';

const epochMs = z.int().nonnegative();
const nanoUsd = z.int();

/** One provider call. Its id is made before the call, so the row can be written any number of times and counts once. */
export const usageAttempt = z.object({
  id: z.string(),
  requestId: z.string(),
  /** When the call began. Part of the row's key, so it must travel with the id. */
  createdAt: epochMs,
  /** 1 for the request's first attempt. */
  number: z.int().positive(),
  provider: z.string(),
  providerType,
  /** The model that was asked for. */
  model: z.string(),
  /** The model that the vendor says has answered: the one that is priced. */
  servedModel: z.string().nullable(),
  status: z.enum(['ok', 'error', 'abandoned']),
  /** A {@link ProviderFault}, or null. */
  error: z.string().nullable(),
  errorMessage: z.string().nullable(),
  httpStatus: z.int().nullable(),
  vendorRequestId: z.string().nullable(),
  tokens: tokenBuckets,
  /** True where tokens and cost are our guess, because the vendor's answer was never seen. */
  estimated: z.boolean(),
  costNanoUsd: nanoUsd.nullable(),
  /** Why there is no cost; null where there is one. */
  unpricedReason: z.string().nullable(),
  /** Which price table, or `provider` for the provider's own pricing. */
  priceVersion: z.string().nullable(),
  latencyMs: z.int().nonnegative(),
  limiterMs: z.int().nonnegative(),
  worker: z.string(),
});
export type UsageAttempt = z.infer<typeof usageAttempt>;

export const cacheStatus = z.enum(['HIT', 'MISS', 'REFRESH', 'BYPASS', 'COALESCED', 'STALE']);
export type CacheStatus = z.infer<typeof cacheStatus>;

/** One request: fresh, cached, failed or cancelled. */
export const usageLog = z.object({
  id: z.string(),
  /** When the request arrived. Part of the row's key. */
  createdAt: epochMs,
  service: z.string(),
  customerId: z.string().nullable(),
  /** Which caller key asked: an id or fingerprint, never the key. */
  keyId: z.string().nullable(),
  /** Who answered, or who was asked last; null where nobody was. */
  provider: z.string().nullable(),
  providerType: providerType.nullable(),
  model: z.string().nullable(),
  status: z.enum(['ok', 'error', 'cancelled']),
  /** An {@link ErrorCode} where status is not ok. */
  errorCode: z.string().nullable(),
  cacheStatus,
  finishReason: finishReason.nullable(),
  /** Tokens of the answering call. Zeros where no provider was called: a cached answer uses none. */
  tokens: tokenBuckets,
  /** The sum of the attempts' costs; 0 for a cached or coalesced answer; null where one attempt has no price. */
  costNanoUsd: nanoUsd.nullable(),
  unpricedReason: z.string().nullable(),
  /** What the answer would have cost, had it not come from the cache or another request's call. */
  savedNanoUsd: nanoUsd,
  latencyMs: z.int().nonnegative(),
  queueMs: z.int().nonnegative(),
  attemptCount: z.int().nonnegative(),
  /** The caller hung up before the answer. */
  clientGone: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  /** The request whose provider call this one shared, or that it replays. */
  relatedTo: z.string().nullable(),
});
export type UsageLog = z.infer<typeof usageLog>;

/** One message of the usage stream: a request's row with its attempts, or attempts that came in late. */
export const usageEvent = z.object({ v: z.literal(1), log: usageLog.nullable(), attempts: z.array(usageAttempt) });
export type UsageEvent = z.infer<typeof usageEvent>;

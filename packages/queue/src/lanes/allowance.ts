/** What is left of a provider's minute, read from the very counters that decide. */
import type { Redis } from 'ioredis';

/** One limit a minute: how much of it is left, and when it is whole again (epoch ms). */
export interface Allowance {
  limit: number;
  remaining: number;
  resetsAt: number;
}

export interface LaneAllowance {
  requests: Allowance | null;
  tokens: Allowance | null;
}

/** What a provider's limits are used for at the moment. */
export interface LimiterUse extends LaneAllowance {
  /** Calls that hold a slot now, over all processes; null: nothing counts them. */
  running: number | null;
}

/** @returns what the limiters have in their books; nulls for a provider without limits, or one that nobody has called lately. */
export async function readLimiterUse(redis: Redis, provider: string): Promise<LimiterUse> {
  const [allowance, running] = await Promise.all([
    readAllowance(redis, provider),
    redis.hget(limiterSettingsKey(limiterId(provider, 'calls')), 'running'),
  ]);
  return { ...allowance, running: running === null ? null : Number(running) };
}

export const limiterId = (provider: string, what: 'calls' | 'tokens'): string => `lgw.${provider}.${what}`;
/** Where Bottleneck keeps a limiter's settings and what is left of its reservoir. */
export const limiterSettingsKey = (id: string): string => `b_${id}_settings`;

const FIELDS = ['reservoir', 'reservoirRefreshAmount', 'reservoirRefreshInterval', 'lastReservoirRefresh'] as const;

export async function readAllowance(redis: Redis, provider: string): Promise<LaneAllowance> {
  const read = async (what: 'calls' | 'tokens') =>
    toAllowance(await redis.hmget(limiterSettingsKey(limiterId(provider, what)), ...FIELDS));
  const [requests, tokens] = await Promise.all([read('calls'), read('tokens')]);
  return { requests, tokens };
}

function toAllowance([left, amount, interval, last]: (string | null)[]): Allowance | null {
  if (!left || !amount || !interval || !last) return null;
  const limit = Number(amount);
  const resetsAt = Number(last) + Number(interval);
  // The reservoir is refilled when somebody next asks; by the clock it is full again already.
  const remaining = resetsAt <= Date.now() ? limit : Math.max(0, Math.min(limit, Number(left)));
  return { limit, remaining, resetsAt };
}

/** The response cache. Only finished, whole answers come in here; what may be stored is decided by the engine. */
import type { Redis } from 'ioredis';
import { generateResult, type GenerateResult, type NanoUsd } from '@llm-gateway/shared';
import { keys } from '../keys.js';

/** Expired entries are kept this much longer, to be served when every candidate is down. */
const STALE_SECONDS = 86_400;

export interface CacheEntry {
  result: GenerateResult;
  /** What the call cost that gave the answer, for the sum that the cache saves; null where unknown. */
  costNanoUsd: NanoUsd | null;
  /** Epoch ms. */
  freshUntil: number;
}

export class ResponseCache {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** @returns a fresh entry, or null. An entry that cannot be read counts as none. */
  async get(hash: string): Promise<CacheEntry | null> {
    const entry = parse(await this.#redis.get(keys.cache(hash)));
    return entry && entry.freshUntil > Date.now() ? entry : null;
  }

  /** @returns an entry, fresh or expired, or null. */
  async getStale(hash: string): Promise<CacheEntry | null> {
    return parse(await this.#redis.get(keys.cache(hash)));
  }

  async set(hash: string, result: GenerateResult, costNanoUsd: NanoUsd | null, ttlSeconds: number): Promise<void> {
    const entry: CacheEntry = { result, costNanoUsd, freshUntil: Date.now() + ttlSeconds * 1_000 };
    await this.#redis.set(keys.cache(hash), JSON.stringify(entry), 'EX', ttlSeconds + STALE_SECONDS);
  }
}

function parse(json: string | null): CacheEntry | null {
  if (json === null) return null;
  try {
    const entry = JSON.parse(json) as CacheEntry;
    // The cache's Redis may be shared or older than this build: a wrong shape is a miss, never a wrong answer.
    return generateResult.safeParse(entry.result).success && typeof entry.freshUntil === 'number' ? entry : null;
  } catch {
    return null;
  }
}

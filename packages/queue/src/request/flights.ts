/** Who leads: of identical cacheable requests, and of requests with the same idempotency key, one makes the provider call and the others share it. */
import type { Redis } from 'ioredis';
import { keys } from '../keys.js';
import { RELEASE } from './scripts.js';

/** A flight outlives its leader's deadline by this, so that a leader whose worker died is still found. */
const FLIGHT_SLACK_MS = 60_000;
const IDEMPOTENCY_TTL_MS = 86_400_000;

interface ScriptedRedis extends Redis {
  lgwRelease(key: string, value: string): Promise<number>;
}

export interface IdempotencyRecord {
  requestId: string;
  bodyHash: string;
}

export class Flights {
  readonly #redis: ScriptedRedis;

  constructor(redis: Redis) {
    redis.defineCommand('lgwRelease', { numberOfKeys: 1, lua: RELEASE });
    this.#redis = redis as ScriptedRedis;
  }

  /** @returns the id of the request that leads this flight: `requestId` itself, or an earlier one. */
  async lead(flight: string, requestId: string, remainingMs: number): Promise<string> {
    return (await this.#claim(keys.flight(flight), requestId, remainingMs + FLIGHT_SLACK_MS)) ?? requestId;
  }

  /** Does this request still lead the flight? Not once it was refused, or has ended. */
  async leads(flight: string, requestId: string): Promise<boolean> {
    return (await this.#redis.get(keys.flight(flight))) === requestId;
  }

  async release(flight: string, requestId: string): Promise<void> {
    await this.#redis.lgwRelease(keys.flight(flight), requestId);
  }

  /** @returns null when the key is ours now, else what it was first used for. */
  async claimIdempotencyKey(hash: string, record: IdempotencyRecord): Promise<IdempotencyRecord | null> {
    const first = await this.#claim(keys.idempotency(hash), JSON.stringify(record), IDEMPOTENCY_TTL_MS);
    return first === null ? null : (JSON.parse(first) as IdempotencyRecord);
  }

  /** Gives a key back after a request that never reached a provider, so that the caller may try again with it. */
  async releaseIdempotencyKey(hash: string, record: IdempotencyRecord): Promise<void> {
    await this.#redis.lgwRelease(keys.idempotency(hash), JSON.stringify(record));
  }

  /**
   * A claim that is not answered in time may still be carried out, by a server that was frozen, and whoever finds it would wait for
   * a request that never was. So it is given back right behind itself, on the same connection. @returns null when it is ours now.
   */
  async #claim(key: string, value: string, ttlMs: number): Promise<string | null> {
    try {
      return await this.#redis.set(key, value, 'PX', ttlMs, 'NX', 'GET');
    } catch (error) {
      void this.#redis.lgwRelease(key, value).catch(() => undefined);
      throw error;
    }
  }
}

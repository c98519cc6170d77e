/** The requests a minute of keys that have a limit: exact over all replicas while Redis answers, this replica's share of it while it does not. */
import { countApiReplicas, takeFromMinute, type MinuteShare, type Redis } from '@llm-gateway/queue';

const MINUTE_MS = 60_000;
const COUNT_EVERY_MS = 10_000;

interface LocalMinute {
  used: number;
  endsAt: number;
}

export class KeyRate {
  #replicas = 1;
  readonly #local = new Map<string, LocalMinute>();
  readonly #timer: NodeJS.Timeout;
  readonly #redis: Redis;
  readonly #redisUp: () => boolean;

  /** @param redisUp spares callers the time-out of a Redis that is known to hang. */
  constructor(redis: Redis, redisUp: () => boolean) {
    this.#redis = redis;
    this.#redisUp = redisUp;
    this.#timer = setInterval(() => void this.#lookAround(), COUNT_EVERY_MS);
    this.#timer.unref();
    void this.#lookAround();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** One of the key's requests of this minute, where there is one left. */
  async take(keyId: string, limit: number): Promise<MinuteShare> {
    if (!this.#redisUp()) return this.#takeLocally(keyId, limit);
    return takeFromMinute(this.#redis, keyId, limit).catch(() => this.#takeLocally(keyId, limit));
  }

  #takeLocally(keyId: string, limit: number): MinuteShare {
    const share = Math.max(1, Math.floor(limit / this.#replicas));
    const now = Date.now();
    const minute = this.#local.get(keyId);
    const { used, endsAt } = minute && minute.endsAt > now ? minute : { used: 0, endsAt: now + MINUTE_MS };
    const taken = used < share;
    this.#local.set(keyId, { used: taken ? used + 1 : used, endsAt });
    return { taken, remaining: taken ? share - used - 1 : 0, resetsInMs: endsAt - now };
  }

  async #lookAround(): Promise<void> {
    const now = Date.now();
    for (const [keyId, { endsAt }] of this.#local) if (endsAt <= now) this.#local.delete(keyId);
    // With Redis away, what was last known holds.
    this.#replicas = await countApiReplicas(this.#redis).catch(() => this.#replicas);
  }
}

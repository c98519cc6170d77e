/** The requests a minute of keys that have a limit: exact over all replicas while Redis answers, this replica's share of it while it does not. */
import { countApiReplicas, LocalMinute, takeFromMinute, type MinuteShare, type Redis } from '@llm-gateway/queue';

const COUNT_EVERY_MS = 10_000;

export class KeyRate {
  #replicas: number;
  readonly #local = new Map<string, LocalMinute>();
  readonly #timer: NodeJS.Timeout;
  readonly #redis: Redis;
  readonly #redisUp: () => boolean;

  /**
   * @param redisUp spares callers the time-out of a Redis that is known to hang.
   * @param replicas how many share a limit until Redis has told.
   */
  constructor(redis: Redis, redisUp: () => boolean, replicas: number) {
    this.#replicas = replicas;
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
    const minute = this.#local.get(keyId) ?? new LocalMinute();
    this.#local.set(keyId, minute);
    return minute.take(share, Date.now());
  }

  async #lookAround(): Promise<void> {
    const now = Date.now();
    for (const [keyId, minute] of this.#local) if (minute.isOver(now)) this.#local.delete(keyId);
    // With Redis away, what was last known holds.
    this.#replicas = await countApiReplicas(this.#redis).catch(() => this.#replicas);
  }
}

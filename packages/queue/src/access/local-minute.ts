import { COUNTED_SECONDS, type MinuteShare } from './minute.js';

/** The same count in this process alone, for the time in which Redis is away. */
export class LocalMinute {
  #used = 0;
  /** In the order of time. */
  readonly #bySecond = new Map<number, number>();

  /** @param now epoch ms. */
  take(limit: number, now: number): MinuteShare {
    const second = Math.floor(now / 1_000);
    this.#forget(second);
    const taken = this.#used < limit;
    if (taken) {
      this.#used++;
      this.#bySecond.set(second, (this.#bySecond.get(second) ?? 0) + 1);
    }
    const [oldest = second] = this.#bySecond.keys();
    const resetsInMs = (oldest + COUNTED_SECONDS) * 1_000 - now;
    return { taken, remaining: Math.max(0, limit - this.#used), resetsInMs };
  }

  isOver(now: number): boolean {
    this.#forget(Math.floor(now / 1_000));
    return this.#used === 0;
  }

  #forget(second: number): void {
    for (const [each, used] of this.#bySecond) {
      if (each > second - COUNTED_SECONDS) return;
      this.#used -= used;
      this.#bySecond.delete(each);
    }
  }
}

import { GatewayError, RETRY_AFTER_MS } from '@llm-gateway/shared';

/** So many at once; some more wait, in their order, and the rest are sent away. */
export class Turns {
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number, maxWaiting: number) {
    this.#free = atOnce;
    this.#maxWaiting = maxWaiting;
  }

  /** @throws GatewayError unavailable where too many wait; what `work` throws. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#queueUp();
    try {
      return await work();
    } finally {
      // Whoever waits gets this very place: nobody comes in between.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }

  async #queueUp(): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new GatewayError('unavailable', 'too many lists are being read, try again', { retryAfterMs: RETRY_AFTER_MS });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

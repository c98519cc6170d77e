/** What calls leave of their estimates goes back into the limiter's reservoir, that of a moment in one step. */
import type Bottleneck from 'bottleneck';
import type { Redis } from 'ioredis';

const GATHER_MS = 100;

export interface RefundsOptions {
  limiter: Bottleneck;
  redis: Redis;
  /** Where Bottleneck keeps this limiter's settings and reservoir. */
  settingsKey: string;
  onRefunded: () => void;
}

export class Refunds {
  readonly #options: RefundsOptions;
  #gathered: { unused: number; takenAt: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RefundsOptions) {
    this.#options = options;
  }

  /** @param unused below 0: more was used than was taken. */
  add(unused: number, takenAt: number): void {
    if (unused === 0) return;
    this.#gathered.push({ unused, takenAt });
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** What was taken in an earlier minute is not given back to this one. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const gathered = this.#gathered.splice(0);
    if (gathered.length === 0) return;
    const { limiter, redis, settingsKey, onRefunded } = this.#options;
    try {
      const refilledAt = Number(await redis.hget(settingsKey, 'lastReservoirRefresh'));
      const unused = gathered.reduce((sum, { unused, takenAt }) => (refilledAt > takenAt ? sum : sum + unused), 0);
      if (unused !== 0) await limiter.incrementReservoir(unused);
      onRefunded();
    } catch {
      // The books of the limiter are wrong until the next minute, by these calls.
    }
  }
}

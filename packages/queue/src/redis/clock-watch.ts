/**
 * Compares this machine's clock with that of Redis, which all processes share. A deadline is a point in time that one process sets and others
 * read: a worker whose clock is ahead would take it for passed, and one whose clock is behind would never see it pass.
 */
import type { Redis } from 'ioredis';
import type { Logger } from '@llm-gateway/shared';

const EVERY_MS = 5_000;
/** More than any machine that keeps its time is off by, and less than the time that callers give a request. */
const TOLERATED_MS = 3_000;

export interface ClockWatchOptions {
  redis: Pick<Redis, 'time'>;
  logger: Logger;
  /** Called with the first comparison, and whenever it comes out otherwise. */
  onChange?: (agrees: boolean) => void;
}

export class ClockWatch {
  readonly #options: ClockWatchOptions;
  #agrees: boolean | null = null;
  #aheadMs = 0;
  #looking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClockWatchOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#look();
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Not before it was compared for the first time. */
  get agrees(): boolean {
    return this.#agrees === true;
  }

  /** For the metrics of its process. */
  get figure(): { clock_ahead_seconds: { help: string; value: number } } {
    const help = "How far the clock of this process' machine is ahead of that of Redis; below 0: behind";
    return { clock_ahead_seconds: { help, value: this.#aheadMs / 1_000 } };
  }

  async #look(): Promise<void> {
    // A client that waits for Redis would be asked again and again.
    if (this.#looking) return;
    this.#looking = true;
    try {
      const askedAt = Date.now();
      const [seconds, micros] = await this.#options.redis.time();
      this.#note(leastDifference(Number(seconds) * 1_000 + Number(micros) / 1_000, askedAt, Date.now()));
    } catch {
      // What was true before is taken to be true until Redis says otherwise.
    } finally {
      this.#looking = false;
    }
  }

  #note(aheadMs: number): void {
    const { logger, onChange } = this.#options;
    this.#aheadMs = aheadMs;
    const agrees = Math.abs(aheadMs) <= TOLERATED_MS;
    if (agrees === this.#agrees) return;
    if (!agrees)
      logger.error({ aheadMs: Math.round(aheadMs) }, "this machine's clock and that of Redis differ: deadlines cannot be kept");
    else if (this.#agrees === false) logger.warn("this machine's clock and that of Redis agree again");
    this.#agrees = agrees;
    onChange?.(agrees);
  }
}

/** Their clock was read at some moment between our two: only what is outside of these is a difference for certain, however slow the answer was. */
function leastDifference(theirs: number, askedAt: number, answeredAt: number): number {
  if (theirs < askedAt) return askedAt - theirs;
  return theirs > answeredAt ? answeredAt - theirs : 0;
}

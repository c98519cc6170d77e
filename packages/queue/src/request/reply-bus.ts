/**
 * How an API replica learns the outcome of the requests it waits for: pushed on its own channel, and looked up where a push
 * was missed (after a reconnect at once, otherwise when the wait has doubled since the last look, at least every {@link LONGEST_MS}).
 */
import type { Redis } from 'ioredis';
import type { Logger } from '@llm-gateway/shared';
import { keys } from '../keys.js';
import type { Outcome } from './outcome.js';
import type { RequestStore } from './request-store.js';

const SWEEP_MS = 1_000;
/** A push goes astray only with its connection, and then all are looked up: what a vendor takes some seconds for is not asked for every second. */
const LONGEST_MS = 5_000;
/** A wait this old is worth a look at its job: a worker that died for good sends nothing. */
const STUCK_MS = 5_000;

interface Wait {
  since: number;
  /** Epoch ms of the next look, where nothing is heard before. */
  lookAt: number;
  /** When {@link ReplyBusOptions.onStuck} was last asked. */
  askedAt: number;
  resolve: Set<(outcome: Outcome) => void>;
}

export interface ReplyBusOptions {
  apiId: string;
  subscriber: Redis;
  store: RequestStore;
  logger: Logger;
  /** Looks at the job of a request that has been silent for long, and ends the request if its job is dead. */
  onStuck: (requestId: string) => Promise<void>;
}

export class ReplyBus {
  readonly #waits = new Map<string, Wait>();
  readonly #options: ReplyBusOptions;
  #timer: NodeJS.Timeout | undefined;
  #sweeping = false;

  constructor(options: ReplyBusOptions) {
    this.#options = options;
    const { subscriber } = options;
    const ours = keys.replies(options.apiId);
    subscriber.on('message', (channel: string, message: string) => {
      if (channel === ours) this.#onMessage(message);
    });
    // ioredis subscribes again by itself after a reconnect; what was published in between is looked up.
    subscriber.on('ready', () => void this.#subscribe());
    if (subscriber.status === 'ready') void this.#subscribe();
    this.#timer = setInterval(() => void this.#sweep(Date.now()), SWEEP_MS);
    this.#timer.unref();
  }

  get waiting(): number {
    return this.#waits.size;
  }

  /** Registers before the request is enqueued, so that no reply comes too early. Call `stop` when the wait is over, however it ends. */
  wait(requestId: string): { outcome: Promise<Outcome>; stop: () => void } {
    const now = Date.now();
    const wait = this.#waits.get(requestId) ?? { since: now, lookAt: now + SWEEP_MS, askedAt: now, resolve: new Set() };
    this.#waits.set(requestId, wait);
    let resolver: (outcome: Outcome) => void = () => undefined;
    const outcome = new Promise<Outcome>((resolve) => {
      resolver = resolve;
      wait.resolve.add(resolve);
    });
    const stop = () => {
      wait.resolve.delete(resolver);
      if (wait.resolve.size === 0 && this.#waits.get(requestId) === wait) this.#waits.delete(requestId);
    };
    return { outcome, stop };
  }

  /** For a wait that is about to be given up: one last look. */
  async lastLook(requestId: string): Promise<Outcome | null> {
    return (await this.#options.store.outcomes([requestId])).get(requestId) ?? null;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#options.subscriber.subscribe(keys.replies(this.#options.apiId));
      await this.#sweep(Number.POSITIVE_INFINITY);
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'could not subscribe to replies, the next connection tries again');
    }
  }

  #onMessage(message: string): void {
    const { id, done } = JSON.parse(message) as { id: string; done?: Outcome; fetch?: true };
    if (!this.#waits.has(id)) return;
    if (done) this.#settle(id, done);
    else void this.#lookUp([id]);
  }

  #settle(id: string, outcome: Outcome): void {
    const wait = this.#waits.get(id);
    if (!wait) return;
    this.#waits.delete(id);
    for (const resolve of wait.resolve) resolve(outcome);
  }

  /** Looks up what is due by then. */
  async #sweep(due: number): Promise<void> {
    if (this.#sweeping || this.#waits.size === 0) return;
    this.#sweeping = true;
    try {
      const overdue = [...this.#waits].filter(([, wait]) => wait.lookAt <= due);
      const now = Date.now();
      for (const [, wait] of overdue) wait.lookAt = now + Math.min(LONGEST_MS, Math.max(SWEEP_MS, now - wait.since));
      await this.#lookUp(overdue.map(([id]) => id));
      await this.#askAboutStuck();
    } finally {
      this.#sweeping = false;
    }
  }

  async #lookUp(ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    try {
      for (const [id, outcome] of await this.#options.store.outcomes(ids)) this.#settle(id, outcome);
    } catch (error) {
      this.#options.logger.debug({ err: error }, 'could not look up missed replies, trying again');
    }
  }

  async #askAboutStuck(): Promise<void> {
    const now = Date.now();
    const stuck = [...this.#waits].filter(([, wait]) => now - wait.askedAt >= STUCK_MS).slice(0, 100);
    for (const [id, wait] of stuck) {
      wait.askedAt = now;
      try {
        await this.#options.onStuck(id);
      } catch (error) {
        this.#options.logger.debug({ err: error, requestId: id }, 'could not look at a silent job, trying again');
      }
    }
  }
}

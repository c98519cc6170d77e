/**
 * Knows whether Redis can be used before anybody has to wait for it: a small write four times a second, which also tells how
 * many replicas there are. A server that is dead, frozen, full, read-only or still loading shows in it, and so does its return.
 */
import type { Redis } from 'ioredis';
import type { Logger } from '@llm-gateway/shared';
import { keys } from '../keys.js';
import { isSilence } from './punctual-redis.js';

/** `read-only`: it answers, and refuses to write (memory full, a replica). */
export type RedisState = 'up' | 'read-only' | 'down';

const BEAT_MS = 250;
/** One failure that comes at once may be a connection being replaced; the second is not. A silence needs no second. */
const QUICK_FAILURES = 2;
/** A replica that was silent for this long counts as gone. */
export const REPLICA_SILENCE_MS = 5_000;

export interface PulseOptions {
  /** Fails fast: a server that is silent for as long as any of our commands may take counts as down. */
  redis: Redis;
  replicaId: string;
  /** How many replicas there are taken to be until Redis has told. Default 1. */
  replicasAtStart?: number;
  /** Named in the log. */
  name: string;
  logger: Logger;
}

type Beat = { state: RedisState; quick: boolean };

export class RedisPulse {
  readonly #options: PulseOptions;
  #state: RedisState = 'down';
  #hasBeenUp = false;
  #replicas: number;
  #failures = 0;
  #beating = false;
  #timer: NodeJS.Timeout | undefined;
  #onDown: () => void = () => undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#replicas = options.replicasAtStart ?? 1;
  }

  /** Resolves after the first beat. */
  async start(): Promise<void> {
    await this.#beat();
    this.#timer = setInterval(() => void this.#beat(), BEAT_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Can it be written? A connection that is lost is known at once, without a beat. */
  get isUp(): boolean {
    return this.#state === 'up' && this.#options.redis.status === 'ready';
  }

  /** Can it be read at least? */
  get canRead(): boolean {
    return this.#state !== 'down' && this.#options.redis.status === 'ready';
  }

  /** API replicas that were alive when Redis was last reached, this one included; before the first time, as many as were expected. */
  get replicas(): number {
    return this.#replicas;
  }

  /** @param listener is told when Redis is lost. */
  onDown(listener: () => void): void {
    this.#onDown = listener;
  }

  /** A command of ours was not answered in time: whoever comes after it does not wait as well. The next beat may say otherwise. */
  noteSilence(error: unknown): void {
    if (isSilence(error)) this.#become('down');
  }

  async #beat(): Promise<void> {
    // What is not answered yet is the question: more of it would only fill the connection of a server that is frozen.
    if (this.#beating) return;
    this.#beating = true;
    try {
      const { state, quick } = await this.#look();
      if (state !== 'down') this.#failures = 0;
      else if (quick && ++this.#failures < QUICK_FAILURES && this.#state !== 'down') return;
      this.#become(state);
    } finally {
      this.#beating = false;
    }
  }

  async #look(): Promise<Beat> {
    const { redis, replicaId } = this.#options;
    const now = Date.now();
    const replies = await redis
      .pipeline()
      .zadd(keys.replicas, now, replicaId)
      .zremrangebyscore(keys.replicas, '-inf', now - 60_000)
      .zcount(keys.replicas, now - REPLICA_SILENCE_MS, '+inf')
      .exec()
      .catch(() => null);
    const [written, , counted] = replies ?? [];
    if (!counted || counted[0]) return { state: 'down', quick: !isSilence(counted?.[0]) };
    if (written?.[0]) return { state: 'read-only', quick: true };
    this.#replicas = Math.max(1, Number(counted[1]));
    return { state: 'up', quick: true };
  }

  #become(state: RedisState): void {
    if (state === this.#state) return;
    const { logger, name } = this.#options;
    // Reaching it for the first time is how every process starts.
    const level = state === 'up' && !this.#hasBeenUp ? 'info' : 'warn';
    logger[level]({ redis: name, was: this.#state, is: state }, `redis is ${state}`);
    this.#hasBeenUp ||= state === 'up';
    this.#state = state;
    if (state === 'down') this.#onDown();
  }
}

/** The queues, seen from where jobs are put in: one BullMQ queue a provider. */
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from '@llm-gateway/shared';
import { generateJob, type GenerateJobPayload } from './generate-job.js';
import { RETIRE } from './jobs/scripts.js';
import { keys } from './keys.js';
import { bullConnection, type RedisRole } from './redis/connect.js';

const CONNECT_PATIENCE_MS = 1_000;

export type JobState = 'waiting' | 'active' | 'completed' | 'failed' | 'gone';

export interface BeltOptions {
  redisUrl: string;
  role: RedisRole;
  redis: Redis;
  logger: Logger;
}

/** How many jobs wait. KEYS prioritized, delayed, waiting. */
const DEPTH = `return redis.call('ZCARD', KEYS[1]) + redis.call('ZCARD', KEYS[2]) + redis.call('LLEN', KEYS[3])`;

interface ScriptedRedis extends Redis {
  lgwDepth(prioritized: string, delayed: string, waiting: string): Promise<number>;
  lgwRetire(job: string, waiting: string, delayed: string, failed: string, ...args: (string | number)[]): Promise<number>;
}

/** Jobs of this process that the queue's length may not show yet. */
interface Arrivals {
  underWay: number;
  /** How many have got there. */
  entered: number;
}

/** How full a queue was found, for one job that may enter it. */
export interface QueueLook {
  provider: string;
  waiting: Promise<number>;
  arrivals: Arrivals;
  enteredBefore: number;
}

export class Belt {
  readonly #queues = new Map<string, Queue>();
  readonly #connectedOnce = new WeakSet<Queue>();
  readonly #options: BeltOptions;
  readonly #arrivals = new Map<string, Arrivals>();

  constructor(options: BeltOptions) {
    options.redis.defineCommand('lgwDepth', { numberOfKeys: 3, lua: DEPTH });
    options.redis.defineCommand('lgwRetire', { numberOfKeys: 4, lua: RETIRE });
    this.#options = options;
  }

  /** Puts a request on its current candidate's queue. Doing it twice is doing it once: the job's id follows from request and hop. */
  async enqueue(payload: GenerateJobPayload): Promise<void> {
    const { provider } = laneOf(payload);
    const queue = await this.#connected(provider);
    await queue.add('generate', payload, generateJob.optionsFor(payload));
  }

  /** Asks how full a queue is, for {@link enterIfRoom}: ahead of it, where its caller has more to ask in the same round trip. */
  look(provider: string): QueueLook {
    const arrivals = this.#arrivalsOf(provider);
    const waiting = this.depth(provider);
    // Whoever enters hears of it; not every look is followed by that.
    waiting.catch(() => undefined);
    return { provider, waiting, arrivals, enteredBefore: arrivals.entered };
  }

  /**
   * Runs `enter`, which enqueues a job, if fewer than `max` jobs wait. Exact for this process, whatever it does at once; jobs
   * that other replicas are just enqueuing are not seen.
   * @returns false when the queue is full, and `enter` was not run.
   */
  async enterIfRoom({ waiting, arrivals, enteredBefore }: QueueLook, max: number, enter: () => Promise<void>): Promise<boolean> {
    const found = await waiting;
    // Those that came in since the queue was counted may or may not be in the count: better one too few than one too many.
    if (found + arrivals.underWay + (arrivals.entered - enteredBefore) >= max) return false;
    arrivals.underWay++;
    try {
      await enter();
      return true;
    } finally {
      arrivals.underWay--;
      arrivals.entered++;
    }
  }

  /** @returns how many jobs wait, put aside ones included. */
  async depth(provider: string): Promise<number> {
    const redis = this.#options.redis as ScriptedRedis;
    return redis.lgwDepth(keys.bull(provider, 'prioritized'), keys.bull(provider, 'delayed'), keys.bull(provider, 'wait'));
  }

  /** @returns every provider that has ever had a queue, deleted ones too. */
  async everKnown(): Promise<string[]> {
    return this.#options.redis.smembers(keys.lanes);
  }

  /** Is there nothing left on a provider's queue: no job that waits, none that a worker holds, or held when it died? */
  async isEmpty(provider: string): Promise<boolean> {
    const [waiting, held] = await Promise.all([this.depth(provider), this.#options.redis.llen(keys.bull(provider, 'active'))]);
    return waiting + held === 0;
  }

  /** @returns the place of a waiting job in its queue, 1 first; null when it does not wait. */
  async position(provider: string, requestId: string, hop: number): Promise<number | null> {
    const queue = `${keys.queuePrefix(provider)}:${generateJob.queue(provider)}`;
    const rank = await this.#options.redis.zrank(`${queue}:prioritized`, generateJob.jobId(requestId, hop));
    return rank === null ? null : rank + 1;
  }

  async state(provider: string, requestId: string, hop: number): Promise<JobState> {
    const state = await this.queue(provider).getJobState(generateJob.jobId(requestId, hop));
    if (state === 'active' || state === 'completed' || state === 'failed') return state;
    return state === 'unknown' ? 'gone' : 'waiting';
  }

  /** Takes a waiting job out. @returns false when it is not there, or a worker holds it. */
  async remove(provider: string, requestId: string, hop: number): Promise<boolean> {
    // BullMQ also reports success for a job that is not there.
    if ((await this.state(provider, requestId, hop)) !== 'waiting') return false;
    return (await this.queue(provider).remove(generateJob.jobId(requestId, hop))) === 1;
  }

  /**
   * Takes a waiting job out and keeps it among the failed ones, where it can be listed and run again.
   * @param reason `code: words`, shown on the board. @returns false when it is not there, or a worker holds it.
   */
  async retire(provider: string, requestId: string, hop: number, reason: string): Promise<boolean> {
    const id = generateJob.jobId(requestId, hop);
    const [job, waiting, delayed, failed] = [id, 'prioritized', 'delayed', 'failed'].map((part) => keys.bull(provider, part)) as [
      string,
      string,
      string,
      string,
    ];
    const { count } = generateJob.options.removeOnFail;
    const redis = this.#options.redis as ScriptedRedis;
    return (await redis.lgwRetire(job, waiting, delayed, failed, id, reason, Date.now(), count)) === 1;
  }

  /** BullMQ's own object, for the board. */
  queue(provider: string): Queue {
    const known = this.#queues.get(provider);
    if (known) return known;
    const queue = new Queue(generateJob.queue(provider), {
      connection: bullConnection(this.#options.redisUrl, this.#options.role),
      prefix: keys.queuePrefix(provider),
      streams: { events: { maxLen: 100 } },
    });
    queue.on('error', (error) => this.#options.logger.debug({ err: error, provider }, 'queue connection failed, reconnecting'));
    this.#queues.set(provider, queue);
    // Only the jobs of a provider that is deleted later would be missed without it.
    void this.#options.redis.sadd(keys.lanes, provider).catch(() => undefined);
    return queue;
  }

  /** Connects to the queues of these providers ahead of their first request. */
  open(providers: readonly string[]): void {
    for (const provider of providers) this.queue(provider);
  }

  /** Closes the queue objects of providers that are no more; jobs in Redis stay. */
  async retain(providers: readonly string[]): Promise<void> {
    const gone = [...this.#queues.keys()].filter((provider) => !providers.includes(provider));
    await Promise.all(gone.map((provider) => this.#close(provider)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.keys()].map((provider) => this.#close(provider)));
  }

  #arrivalsOf(provider: string): Arrivals {
    const known = this.#arrivals.get(provider);
    if (known) return known;
    const arrivals = { underWay: 0, entered: 0 };
    this.#arrivals.set(provider, arrivals);
    return arrivals;
  }

  /** A new queue connects in a moment; while Redis is down a caller must not wait for it. An established one fails fast by itself. */
  async #connected(provider: string): Promise<Queue> {
    const queue = this.queue(provider);
    if (this.#connectedOnce.has(queue)) return queue;
    await this.#untilReady(queue);
    this.#connectedOnce.add(queue);
    return queue;
  }

  async #untilReady(queue: Queue): Promise<void> {
    if (this.#options.role === 'patient') {
      await queue.waitUntilReady();
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('redis cannot be reached')), CONNECT_PATIENCE_MS);
    });
    try {
      await Promise.race([queue.waitUntilReady(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #close(provider: string): Promise<void> {
    const queue = this.#queues.get(provider);
    this.#queues.delete(provider);
    if (!queue) return;
    // Nothing to flush here. While Redis is down close() waits for a connection that was lost, and disconnect() for one that never was.
    const ways = [queue.disconnect(), queue.close()];
    await Promise.race(ways.map((way) => way.catch(() => undefined)));
  }
}

/** @returns the candidate whose queue a payload belongs on. */
export function laneOf(payload: GenerateJobPayload): GenerateJobPayload['candidates'][number] {
  const lane = payload.candidates[payload.hop];
  if (!lane) throw new RangeError(`request ${payload.head.id} has no candidate ${payload.hop}`);
  return lane;
}

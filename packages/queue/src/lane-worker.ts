/** The taking end of one provider's queue. What is done with a job is the handler's; this is the part that knows BullMQ. */
import { DelayedError, UnrecoverableError, Worker, type Job } from 'bullmq';
import type { Logger } from '@llm-gateway/shared';
import { z } from 'zod';
import { generateJob, generateJobPayload, type GenerateJobPayload } from './generate-job.js';
import { keys } from './keys.js';
import { bullConnection } from './redis/connect.js';

/** What became of a job's stay on this lane. `later`: it comes back at the given time (epoch ms). */
export type LaneResult = { kind: 'answered' | 'moved' } | { kind: 'failed'; message: string } | { kind: 'later'; at: number };

export interface LaneWorkerOptions {
  provider: string;
  redisUrl: string;
  concurrency: number;
  workerId: string;
  logger: Logger;
  /** @param signal aborts when the request is cancelled. */
  handle: (payload: GenerateJobPayload, signal: AbortSignal) => Promise<LaneResult>;
  /** Forgets completed jobs of this provider that are too many. */
  trim: (provider: string) => Promise<void>;
  /** Ends the request of a job that cannot be run: `poisoned`, its workers died too often; `unreadable`, no build here understands it. */
  onDead: (requestId: string, why: 'poisoned' | 'unreadable') => Promise<void>;
}

const STALLED_TOO_OFTEN = /stalled more than/;
/** Jobs that this worker has completed, between two looks at how many are kept. */
const TRIM_EVERY = 100;
const PASS_OVER_MS = 1_000;
/** What every build's payload has, whatever else it holds. */
const jobEssence = z.looseObject({ head: z.looseObject({ id: z.string(), deadline: z.number() }) });

/** A job in this worker's hands. */
interface Held {
  controller: AbortController;
  job: Job;
  token: string | undefined;
}

export class LaneWorker {
  readonly #worker: Worker;
  readonly #active = new Map<string, Held>();
  readonly #options: LaneWorkerOptions;
  #completed = 0;

  constructor(options: LaneWorkerOptions) {
    this.#options = options;
    const { provider, logger } = options;
    this.#worker = new Worker(generateJob.queue(provider), (job, token) => this.#process(job, token), {
      connection: bullConnection(options.redisUrl, 'patient'),
      prefix: keys.queuePrefix(provider),
      concurrency: options.concurrency,
      name: options.workerId,
      ...generateJob.worker,
    });
    this.#worker.on('error', (error) => logger.debug({ err: error, provider }, 'worker connection failed, reconnecting'));
    this.#worker.on('completed', () => this.#countCompleted());
    this.#worker.on('failed', (job, error) => {
      const essence = jobEssence.safeParse(job?.data);
      if (essence.success && STALLED_TOO_OFTEN.test(error.message)) void this.#end(essence.data.head.id, 'poisoned');
    });
  }

  /** Aborts a request that this worker holds. */
  cancel(requestId: string): void {
    this.#active.get(requestId)?.controller.abort();
  }

  get activeCount(): number {
    return this.#active.size;
  }

  /** Takes no more jobs and waits for those in hand. */
  async close(): Promise<void> {
    await this.#worker.close();
  }

  /**
   * Puts the jobs in hand back, for any other worker to take at once rather than when their locks have run out. For a process that
   * ends right after: a call that it leaves behind is recorded as abandoned, and made again elsewhere.
   */
  async handBack(): Promise<void> {
    const held = [...this.#active.values()];
    await Promise.allSettled(held.map(({ job, token }) => job.moveToDelayed(Date.now(), token)));
  }

  async #process(job: Job, token: string | undefined): Promise<string> {
    const parsed = generateJobPayload.safeParse(job.data);
    if (!parsed.success) return this.#passOver(job, token);
    const { id } = parsed.data.head;
    const controller = new AbortController();
    const held: Held = { controller, job, token };
    this.#active.set(id, held);
    try {
      return await this.#settle(job, token, await this.#options.handle(parsed.data, controller.signal));
    } finally {
      if (this.#active.get(id) === held) this.#active.delete(id);
    }
  }

  /** The returned text is tiny on purpose: an answer would be copied into the job, its events and the board. */
  async #settle(job: Job, token: string | undefined, result: LaneResult): Promise<string> {
    switch (result.kind) {
      case 'answered':
      case 'moved':
        return result.kind;
      case 'failed':
        throw new UnrecoverableError(result.message);
      case 'later':
        await job.moveToDelayed(result.at, token);
        throw new DelayedError();
    }
  }

  /** A job of another build, during a rolling update: it is left to a worker that understands it for as long as there is time. */
  async #passOver(job: Job, token: string | undefined): Promise<never> {
    const essence = jobEssence.safeParse(job.data);
    const retryAt = Date.now() + PASS_OVER_MS;
    if (essence.success && retryAt < essence.data.head.deadline) {
      await job.moveToDelayed(retryAt, token);
      throw new DelayedError();
    }
    if (essence.success) await this.#end(essence.data.head.id, 'unreadable');
    throw new UnrecoverableError('the job has a payload that this build does not understand');
  }

  /** Of jobs that are kept there are too many before long. */
  #countCompleted(): void {
    if (++this.#completed % TRIM_EVERY > 0) return;
    const { trim, provider, logger } = this.#options;
    trim(provider).catch((error: unknown) =>
      logger.debug({ err: error, provider }, 'completed jobs were not trimmed, the next time'),
    );
  }

  async #end(requestId: string, why: 'poisoned' | 'unreadable'): Promise<void> {
    try {
      await this.#options.onDead(requestId, why);
    } catch (error) {
      // The sweep of the waiting side and the reaper end it as well.
      this.#options.logger.warn({ err: error, requestId, why }, 'could not end a request whose job is dead');
    }
  }
}

/**
 * The jobs that are there, in all queues: those that wait or run, and those that have ended and are still kept. Listed without their
 * prompts, so that it costs little whatever callers have asked.
 */
import type { Redis } from 'ioredis';
import { generateJob, generateJobPayload, jobBrief, type GenerateJobPayload, type JobBrief } from '../generate-job.js';
import { keys } from '../keys.js';
import { CLAIM_REPLAY, SETTLE_REPLAY } from './scripts.js';

/** Where jobs are kept, and the names of BullMQ's sets and lists for it. */
const SHELVES = {
  queued: { sets: ['prioritized', 'delayed'], lists: ['wait', 'paused'] },
  active: { sets: [], lists: ['active'] },
  completed: { sets: ['completed'], lists: [] },
  failed: { sets: ['failed'], lists: [] },
} as const satisfies Record<string, { sets: string[]; lists: string[] }>;
export type Shelf = keyof typeof SHELVES;

/** Of a longer set or list only so many are seen; QUEUE_MAX_DEPTH keeps queues shorter unless it is raised. */
const MAX_SEEN = 20_000;
/** Jobs looked into at a time: Redis serves others in between. */
const BATCH = 100;
/** What is read of each, all of it small. */
const FIELDS = ['opts', 'failedReason', 'finishedOn', 'returnvalue', 'replay', 'replayed'] as const;
/** A request has at most so many candidates that are looked for when it is not known where its job is. */
const MAX_HOPS = 10;

/** Where a request's job is. */
export interface JobRef {
  requestId: string;
  lane: string;
  hop: number;
  /** {@link KeptJobs.find} says `active` of a waiting job as well. */
  shelf: Shelf;
}

export interface KeptJob extends JobRef {
  head: JobBrief;
  /** `code: words`, as its worker said it; null where it did not fail. */
  failedReason: string | null;
  finishedAt: number | null;
  /** The request that runs it again. `entered`: it is known to be on its way. */
  replay: { id: string; entered: boolean } | null;
}

interface ScriptedRedis extends Redis {
  lgwClaimReplay(job: string, replay: string, again: string): Promise<string[]>;
  lgwSettleReplay(job: string, replay: string, entered: string): Promise<number>;
}

export class KeptJobs {
  readonly #redis: ScriptedRedis;

  constructor(redis: Redis) {
    redis.defineCommand('lgwClaimReplay', { numberOfKeys: 1, lua: CLAIM_REPLAY });
    redis.defineCommand('lgwSettleReplay', { numberOfKeys: 1, lua: SETTLE_REPLAY });
    this.#redis = redis as ScriptedRedis;
  }

  /** @returns the providers that have a queue, also those that are no longer configured. */
  async lanes(configured: readonly string[]): Promise<string[]> {
    return [...new Set([...configured, ...(await this.#redis.smembers(keys.lanes))])];
  }

  /** @returns where jobs are, one entry a request (its latest stay), newest request first: ids are in the order of time. */
  async refs(lanes: readonly string[], shelves: readonly Shelf[]): Promise<JobRef[]> {
    const pipeline = this.#redis.pipeline();
    const asked: { lane: string; shelf: Shelf }[] = [];
    for (const lane of lanes) {
      for (const shelf of shelves) {
        for (const set of SHELVES[shelf].sets) pipeline.zrevrange(keys.bull(lane, set), 0, MAX_SEEN - 1);
        for (const list of SHELVES[shelf].lists) pipeline.lrange(keys.bull(lane, list), 0, MAX_SEEN - 1);
        asked.push(...[...SHELVES[shelf].sets, ...SHELVES[shelf].lists].map(() => ({ lane, shelf })));
      }
    }
    const latest = new Map<string, JobRef>();
    const replies = (await pipeline.exec()) ?? [];
    replies.forEach(([error, ids], index) => {
      if (error) throw error;
      for (const id of ids as string[]) keepLatest(latest, toRef(id, asked[index] as (typeof asked)[number]));
    });
    return [...latest.values()].sort((a, b) => (a.requestId < b.requestId ? 1 : -1));
  }

  /** @returns where a request's job is: its latest stay on any of these lanes; null where none is kept. */
  async find(requestId: string, lanes: readonly string[]): Promise<JobRef | null> {
    const hops = Array.from({ length: Math.min(lanes.length, MAX_HOPS) }, (_, hop) => hop);
    return this.#firstOf(
      requestId,
      hops.toReversed().flatMap((hop) => lanes.map((lane) => ({ lane, hop }))),
    );
  }

  /** As {@link find}, for one whose lane is known. */
  async findAt(requestId: string, place: { lane: string; hop: number }): Promise<JobRef | null> {
    return this.#firstOf(requestId, [place]);
  }

  /** @returns the jobs that are still there and that this build understands, in the order of `refs`. Stays from which a request moved on are no jobs. */
  async read(refs: readonly JobRef[]): Promise<KeptJob[]> {
    const jobs: KeptJob[] = [];
    for (let start = 0; start < refs.length; start += BATCH) {
      const batch = refs.slice(start, start + BATCH);
      const pipeline = this.#redis.pipeline();
      for (const ref of batch) pipeline.hmget(keyOf(ref), ...FIELDS);
      const replies = (await pipeline.exec()) ?? [];
      batch.forEach((ref, index) => {
        const [error, fields] = replies[index] ?? [null, []];
        if (error) throw error;
        jobs.push(...toKept(ref, fields as (string | null)[]));
      });
    }
    return jobs;
  }

  /** @returns what a job was asked to do, prompt included; null where it is gone, or of another build. */
  async payload(ref: JobRef): Promise<GenerateJobPayload | null> {
    const data = await this.#redis.hget(keyOf(ref), 'data');
    const parsed = generateJobPayload.safeParse(data === null ? null : JSON.parse(data));
    return parsed.success ? parsed.data : null;
  }

  /**
   * Says that `replayId` is going to run this job again. @param again take the place of an earlier replay.
   * @returns the replay that stands: `replayId`, or an earlier one; null where the job is gone.
   */
  async claimReplay(ref: JobRef, replayId: string, again: boolean): Promise<KeptJob['replay']> {
    const [id, entered] = await this.#redis.lgwClaimReplay(keyOf(ref), replayId, again ? '1' : '');
    return id === undefined ? null : { id, entered: entered === '1' };
  }

  /** The replay is on its way. */
  async confirmReplay(ref: JobRef, replayId: string): Promise<void> {
    await this.#redis.lgwSettleReplay(keyOf(ref), replayId, '1');
  }

  /** The replay was turned away: somebody else may try. */
  async withdrawReplay(ref: JobRef, replayId: string): Promise<void> {
    await this.#redis.lgwSettleReplay(keyOf(ref), replayId, '');
  }

  /**
   * Forgets jobs whose time is over, on all lanes. BullMQ does so only for failed ones, and only when another job of the same lane fails.
   * @param now epoch ms. @returns how many, at most a thousand a lane and kind.
   */
  async forgetOld(now: number): Promise<number> {
    const { keepCompleted, options } = generateJob;
    let forgotten = 0;
    for (const lane of await this.lanes([])) {
      await this.trimCompleted(lane);
      for (const [set, { age }] of [['completed', keepCompleted] as const, ['failed', options.removeOnFail] as const]) {
        const ids = await this.#redis.zrangebyscore(keys.bull(lane, set), '-inf', now - age * 1_000, 'LIMIT', 0, 1_000);
        await this.#forget(lane, set, ids);
        forgotten += ids.length;
      }
    }
    return forgotten;
  }

  /** Forgets the oldest completed jobs of a lane that has more than are kept. */
  async trimCompleted(lane: string): Promise<void> {
    const tooMany = await this.#redis.zrange(keys.bull(lane, 'completed'), 0, String(-generateJob.keepCompleted.count - 1));
    await this.#forget(lane, 'completed', tooMany);
  }

  /** The jobs first: should this end in between, the set still tells which are left. */
  async #forget(lane: string, set: 'completed' | 'failed', ids: readonly string[]): Promise<void> {
    for (let start = 0; start < ids.length; start += BATCH) {
      const batch = ids.slice(start, start + BATCH);
      await this.#redis.unlink(batch.map((id) => keys.bull(lane, id)));
      await this.#redis.zrem(keys.bull(lane, set), batch);
    }
  }

  async #firstOf(requestId: string, places: readonly { lane: string; hop: number }[]): Promise<JobRef | null> {
    const pipeline = this.#redis.pipeline();
    for (const { lane, hop } of places) {
      const id = generateJob.jobId(requestId, hop);
      pipeline.exists(keys.bull(lane, id)).zscore(keys.bull(lane, 'failed'), id).zscore(keys.bull(lane, 'completed'), id);
    }
    const answers = ((await pipeline.exec()) ?? []).map(([error, answer]) => {
      if (error) throw error;
      return answer;
    });
    const index = places.findIndex((_, at) => answers[3 * at] === 1);
    const place = places[index];
    if (!place) return null;
    const shelf = answers[3 * index + 1] !== null ? 'failed' : answers[3 * index + 2] !== null ? 'completed' : 'active';
    return { requestId, ...place, shelf };
  }
}

const keyOf = ({ lane, requestId, hop }: JobRef): string => keys.bull(lane, generateJob.jobId(requestId, hop));

function toRef(jobId: string, place: { lane: string; shelf: Shelf }): JobRef | null {
  const [, requestId, hop] = /^(req_[0-9A-Z]{26})-(\d{1,3})$/.exec(jobId) ?? [];
  return requestId === undefined ? null : { ...place, requestId, hop: Number(hop) };
}

function keepLatest(latest: Map<string, JobRef>, ref: JobRef | null): void {
  if (!ref) return;
  const known = latest.get(ref.requestId);
  if (!known || known.hop < ref.hop) latest.set(ref.requestId, ref);
}

/** @returns none for one that is gone, has moved on, or is of a build that kept another brief, or none. */
function toKept(ref: JobRef, fields: (string | null)[]): KeptJob[] {
  const [options, failedReason = null, finishedOn = null, returned, replay = null, replayed = null] = fields;
  if (!options || returned === '"moved"') return [];
  const { brief } = JSON.parse(options) as { brief?: string };
  const head = jobBrief.safeParse(JSON.parse(brief ?? 'null'));
  if (!head.success) return [];
  const job: KeptJob = {
    ...ref,
    head: head.data,
    failedReason: ref.shelf === 'failed' ? failedReason : null,
    finishedAt: finishedOn === null ? null : Number(finishedOn),
    replay: replay === null ? null : { id: replay, entered: replayed === '1' },
  };
  return [job];
}

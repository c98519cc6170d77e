/** The durable state of requests in Redis: admitted, attempted, finished. Each method is one round trip and one atomic step. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { allShards, shardOf, usageAttempt, type UsageAttempt, type UsageEvent } from '@llm-gateway/shared';
import { keys } from '../keys.js';
import { requestHead, type RequestHead } from '../generate-job.js';
import type { RedisRole } from '../redis/connect.js';
import { isRedisRefusal } from '../redis/refusals.js';
import { readOutcome, type Outcome } from './outcome.js';
import { ADMIT, CANCEL, CLOSE, FINISH, JOIN, LEAVE, OPEN, TAKE_HERE, WITHDRAW } from './scripts.js';

/** A request that nobody finished is given up this long after its deadline: longer than a killed worker's job takes to run again. */
const GIVE_UP_SLACK_MS = 30_000;
/** Unfinished state outlives its deadline by this, so that a long outage of Redis or of all workers loses no context. */
const STATE_SLACK_SECONDS = 86_400;
/** Longer outcomes are not pushed to the waiting replicas; they fetch them. */
const MAX_PUSHED_BYTES = 256 * 1_024;
const REFUSED_AGAIN_MS = 200;
const REPLY_PREFIX = keys.replies('');

interface ScriptedRedis extends Redis {
  lgwAdmit(request: string, unfinished: string, result: string, ...args: (string | number)[]): Promise<number>;
  lgwJoin(request: string, result: string, apiId: string): Promise<string | number>;
  lgwLeave(request: string, apiId: string): Promise<number>;
  lgwTakeHere(request: string, result: string, apiId: string, dead: string): Promise<number>;
  lgwCancel(request: string, ttl: number): Promise<number>;
  lgwOpen(request: string, result: string, ...args: (string | number)[]): Promise<string[]>;
  lgwWithdraw(request: string, number: number, attemptId: string, next: number): Promise<number>;
  lgwClose(request: string, result: string, usage: string, ...args: (string | number)[]): Promise<number>;
  lgwFinish(request: string, result: string, usage: string, unfinished: string, ...args: (string | number)[]): Promise<number>;
}

export type OpenReply = { kind: 'opened' | 'done' | 'cancelled' } | { kind: 'superseded' | 'behind'; attempts: UsageAttempt[] };

export interface StoredRequest {
  /** The API replica that carries it out itself, in the workers' place. */
  here: string | null;
  /** The request whose call it shares, if it never had a job of its own. */
  follows: string | null;
  head: RequestHead;
  hop: number;
  attempts: UsageAttempt[];
}

export interface Finish {
  id: string;
  outcome: Outcome;
  event: UsageEvent;
  /** What is still worth a row when the request had ended before: this worker's own attempt. */
  late: UsageEvent | null;
  resultTtlSeconds: number;
  replyTo: string | null;
}

export class RequestStore {
  readonly #redis: ScriptedRedis;
  readonly #patient: boolean;

  /**
   * @param role `patient`: a step that Redis refuses, because its memory is full or it may not write just now, is tried again until it
   * takes it. For workers, whose calls are paid for by then.
   */
  constructor(redis: Redis, role: RedisRole = 'fail-fast') {
    this.#patient = role === 'patient';
    redis.defineCommand('lgwAdmit', { numberOfKeys: 3, lua: ADMIT });
    redis.defineCommand('lgwJoin', { numberOfKeys: 2, lua: JOIN });
    redis.defineCommand('lgwLeave', { numberOfKeys: 1, lua: LEAVE });
    redis.defineCommand('lgwTakeHere', { numberOfKeys: 2, lua: TAKE_HERE });
    redis.defineCommand('lgwCancel', { numberOfKeys: 1, lua: CANCEL });
    redis.defineCommand('lgwOpen', { numberOfKeys: 2, lua: OPEN });
    redis.defineCommand('lgwWithdraw', { numberOfKeys: 1, lua: WITHDRAW });
    redis.defineCommand('lgwClose', { numberOfKeys: 3, lua: CLOSE });
    redis.defineCommand('lgwFinish', { numberOfKeys: 4, lua: FINISH });
    this.#redis = redis as ScriptedRedis;
  }

  /**
   * Registers a request with its first waiter. Doing it twice changes nothing but the count of waiters.
   * @param follows the request whose call it shares; one that comes to a call of its own is registered again without.
   */
  async admit(head: RequestHead, follows = ''): Promise<void> {
    const giveUpAt = head.deadline + GIVE_UP_SLACK_MS;
    const ttl = Math.ceil((head.deadline - head.createdAt) / 1_000) + STATE_SLACK_SECONDS;
    const { id, replyTo } = head;
    await this.#redis.lgwAdmit(
      keys.request(id),
      keys.unfinished(shardOf(id)),
      keys.result(id),
      id,
      JSON.stringify(head),
      replyTo ?? '',
      giveUpAt,
      ttl,
      follows,
    );
  }

  /**
   * Says that a replica carries the request out in the workers' place. @param dead a holder that is known to be no more.
   * @returns whether nobody else does, and it has not ended.
   */
  async takeHere(id: string, apiId: string, dead: string | null = null): Promise<boolean> {
    return (await this.#redis.lgwTakeHere(keys.request(id), keys.result(id), apiId, dead ?? '')) === 1;
  }

  /** It is a worker's after all. */
  async leaveHere(id: string): Promise<void> {
    await this.#redis.hdel(keys.request(id), 'here');
  }

  /** Adds a waiter. @returns the outcome if the request has ended, else whether the request is known. */
  async join(id: string, apiId: string): Promise<Outcome | 'pending' | 'unknown'> {
    const reply = await this.#redis.lgwJoin(keys.request(id), keys.result(id), apiId);
    if (typeof reply === 'string') return readOutcome(reply);
    return reply === 1 ? 'pending' : 'unknown';
  }

  /** Takes a waiter away. @returns true when nobody waits any more. */
  async leave(id: string, apiId: string): Promise<boolean> {
    return (await this.#redis.lgwLeave(keys.request(id), apiId)) === 0;
  }

  async openAttempt(id: string, hop: number, attempt: UsageAttempt): Promise<OpenReply> {
    const [key, result, json] = [keys.request(id), keys.result(id), JSON.stringify(attempt)];
    const [kind, ...attempts] = await this.#write(() =>
      this.#redis.lgwOpen(key, result, hop, attempt.number, json, STATE_SLACK_SECONDS),
    );
    if (kind === 'superseded' || kind === 'behind') return { kind, attempts: attempts.map(readAttempt) };
    return { kind: kind === 'opened' || kind === 'cancelled' ? kind : 'done' };
  }

  /** Takes back an attempt that was opened for a call that is not made. */
  async withdrawAttempt(id: string, attempt: Pick<UsageAttempt, 'id' | 'number'>): Promise<void> {
    await this.#write(() => this.#redis.lgwWithdraw(keys.request(id), attempt.number, attempt.id, attempt.number + 1));
  }

  /** Closes an attempt after which the request goes on, on lane `hop` (its own or a later one). */
  async closeAttempt(id: string, attempt: UsageAttempt, hop: number): Promise<void> {
    const late: UsageEvent = { v: 1, log: null, attempts: [attempt] };
    await this.#close(id, attempt.number, JSON.stringify(attempt), hop, JSON.stringify(late));
  }

  /** Sends a request on to lane `hop` without an attempt. */
  async moveTo(id: string, hop: number): Promise<void> {
    await this.#close(id, 0, '', hop, '');
  }

  /** From now on no attempt is opened for this request. */
  async markCancelled(id: string): Promise<void> {
    await this.#redis.lgwCancel(keys.request(id), STATE_SLACK_SECONDS);
  }

  /** Has anybody registered this request, or has it even ended? */
  async isKnown(id: string): Promise<boolean> {
    const [admitted, ended] = await Promise.all([
      this.#redis.hexists(keys.request(id), 'head'),
      this.#redis.exists(keys.result(id)),
    ]);
    return admitted + ended > 0;
  }

  /** Ends a request. @returns false when it had ended before; then nothing but `late` was written. */
  async finish({ id, outcome, event, late, resultTtlSeconds, replyTo }: Finish): Promise<boolean> {
    const json = JSON.stringify(outcome);
    // The channel carries a sequence, so that streaming will need no second path: this is its last message.
    const notice = json.length > MAX_PUSHED_BYTES ? `{"id":"${id}","fetch":true}` : '';
    const shard = shardOf(id);
    const lateJson = late ? JSON.stringify(late) : '';
    const args = [id, json, JSON.stringify(event), lateJson, resultTtlSeconds, notice, REPLY_PREFIX, replyTo ?? ''];
    const [request, result, usage, unfinished] = [keys.request(id), keys.result(id), keys.usage(shard), keys.unfinished(shard)];
    return (await this.#write(() => this.#redis.lgwFinish(request, result, usage, unfinished, ...args))) === 1;
  }

  /** @returns the outcomes of those that have ended, by id. */
  async outcomes(ids: readonly string[]): Promise<Map<string, Outcome>> {
    const found = new Map<string, Outcome>();
    const pipeline = this.#redis.pipeline();
    for (const id of ids) pipeline.get(keys.result(id));
    const replies = (await pipeline.exec()) ?? [];
    ids.forEach((id, index) => {
      const [error, json] = replies[index] ?? [null, null];
      if (error) throw error;
      if (typeof json === 'string') found.set(id, readOutcome(json));
    });
    return found;
  }

  async #close(id: string, ...args: (string | number)[]): Promise<void> {
    await this.#write(() => this.#redis.lgwClose(keys.request(id), keys.result(id), keys.usage(shardOf(id)), ...args));
  }

  async #write<T>(run: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await run();
      } catch (error) {
        if (!this.#patient || !isRedisRefusal(error)) throw error;
      }
      await sleep(REFUSED_AGAIN_MS);
    }
  }

  async read(id: string): Promise<StoredRequest | null> {
    const fields = await this.#redis.hgetall(keys.request(id));
    if (fields.head === undefined) return null;
    const attempts = Object.keys(fields).filter((field) => /^a\d+$/.test(field));
    attempts.sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
    return {
      head: requestHead.parse(JSON.parse(fields.head)),
      hop: Number(fields.hop ?? 0),
      here: fields.here ?? null,
      follows: fields.follows ?? null,
      attempts: attempts.map((field) => readAttempt(fields[field] ?? '')),
    };
  }

  /** Keeps an outcome that was made without a job, for an idempotency key's next caller. */
  async storeOutcome(id: string, outcome: Outcome, ttlSeconds: number): Promise<void> {
    await this.#redis.set(keys.result(id), JSON.stringify(outcome), 'EX', ttlSeconds, 'NX');
  }

  /** @returns ids of requests that should have ended by `now`, at most `limit` a shard. */
  async overdue(now: number, limit: number): Promise<string[]> {
    const pipeline = this.#redis.pipeline();
    for (const shard of allShards()) pipeline.zrangebyscore(keys.unfinished(shard), '-inf', now, 'LIMIT', 0, limit);
    const replies = (await pipeline.exec()) ?? [];
    return replies.flatMap(([, ids]) => (ids as string[] | null) ?? []);
  }

  /** Forgets that a request is unfinished: it has ended, or nothing is known of it any more. */
  async forgetUnfinished(id: string): Promise<void> {
    await this.#redis.zrem(keys.unfinished(shardOf(id)), id);
  }
}

const readAttempt = (json: string): UsageAttempt => usageAttempt.parse(JSON.parse(json));

/** The way of usage rows into the database: a stream a shard, read by one consumer group, so that a row is written exactly once and none is lost. */
import type { Redis } from 'ioredis';
import { allShards, shardOf, usageEvent, type Logger, type UsageEvent } from '@llm-gateway/shared';
import { keys } from '../keys.js';

const GROUP = 'writers';
const FIELD = 'e';
/** A batch that its reader did not acknowledge for this long is another reader's: the first one has died. */
const CLAIM_IDLE_MS = 5_000;
/** A living reader asks every second. */
const FORGET_AFTER_MS = 600_000;

/** Adds an event made without a job, such as a cache hit's. */
export async function appendUsage(redis: Redis, requestId: string, event: UsageEvent): Promise<void> {
  await redis.xadd(keys.usage(shardOf(requestId)), '*', FIELD, JSON.stringify(event));
}

export interface UsageEntry {
  stream: string;
  entryId: string;
  json: string;
  event: UsageEvent;
}

type RawEntry = [id: string, fields: string[] | null];

export class UsageReader {
  readonly #redis: Redis;
  readonly #consumer: string;
  readonly #logger: Logger;
  readonly #streams = allShards().map(keys.usage);
  #nextClaimAt = 0;

  /** @param redis a connection of its own: it blocks while there is nothing to read. */
  constructor(redis: Redis, consumer: string, logger: Logger) {
    this.#redis = redis;
    this.#consumer = consumer;
    this.#logger = logger;
  }

  /** Makes the consumer groups; harmless when they are there. */
  async prepare(): Promise<void> {
    for (const stream of this.#streams) {
      await this.#redis.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM').catch((error: unknown) => {
        if (!String(error).includes('BUSYGROUP')) throw error;
      });
      await this.#forgetTheDead(stream);
    }
  }

  /** Readers of processes long gone, that have nothing pending: each start would leave one behind for ever. */
  async #forgetTheDead(stream: string): Promise<void> {
    const consumers = (await this.#redis.xinfo('CONSUMERS', stream, GROUP)) as unknown[][];
    for (const fields of consumers) {
      const field = (name: string) => fields[fields.indexOf(name) + 1];
      const gone = Number(field('idle')) > FORGET_AFTER_MS && field('pending') === 0;
      if (gone) await this.#redis.xgroup('DELCONSUMER', stream, GROUP, String(field('name')));
    }
  }

  /** @returns up to about `count` entries: those of dead readers first, else new ones, waiting up to `blockMs` for them. */
  async read(count: number, blockMs: number): Promise<UsageEntry[]> {
    const claimed = await this.#claimFromTheDead(count);
    if (claimed.length > 0) return claimed;
    const streams = await this.#redis.xreadgroup(
      'GROUP',
      GROUP,
      this.#consumer,
      'COUNT',
      this.#perStream(count),
      'BLOCK',
      blockMs,
      'STREAMS',
      ...this.#streams,
      ...this.#streams.map(() => '>'),
    );
    return this.#parse(streams ?? []);
  }

  /** The rows are in the database: the entries go. */
  async acknowledge(entries: readonly Pick<UsageEntry, 'stream' | 'entryId'>[]): Promise<void> {
    if (entries.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const stream of new Set(entries.map((entry) => entry.stream))) {
      const ids = entries.filter((entry) => entry.stream === stream).map((entry) => entry.entryId);
      pipeline.xack(stream, GROUP, ...ids);
      pipeline.xdel(stream, ...ids);
    }
    await execOrThrow(pipeline);
  }

  /** An event that the database refuses goes aside, whole, with the reason; it never holds up the others. */
  async bury(entry: Pick<UsageEntry, 'stream' | 'entryId' | 'json'>, reason: string): Promise<void> {
    const transaction = this.#redis.multi();
    transaction.xadd(keys.deadUsage(entry.stream), '*', FIELD, entry.json, 'reason', reason.slice(0, 500));
    transaction.xack(entry.stream, GROUP, entry.entryId);
    transaction.xdel(entry.stream, entry.entryId);
    await execOrThrow(transaction);
    this.#logger.error({ stream: entry.stream, entry: entry.entryId, reason }, 'usage event moved to the dead-letter stream');
  }

  /** Requests are spread over the shards evenly, so where many wait each has its share of them. */
  #perStream(count: number): number {
    return Math.ceil(count / this.#streams.length);
  }

  async #claimFromTheDead(count: number): Promise<UsageEntry[]> {
    if (Date.now() < this.#nextClaimAt) return [];
    const found: [string, RawEntry[]][] = [];
    for (const stream of this.#streams) {
      const [, entries] = (await this.#redis.xautoclaim(
        stream,
        GROUP,
        this.#consumer,
        CLAIM_IDLE_MS,
        '0',
        'COUNT',
        this.#perStream(count),
      )) as [string, RawEntry[]];
      if (entries.length > 0) found.push([stream, entries]);
    }
    if (found.length === 0) this.#nextClaimAt = Date.now() + CLAIM_IDLE_MS;
    return this.#parse(found);
  }

  async #parse(streams: [string, RawEntry[]][]): Promise<UsageEntry[]> {
    const good: UsageEntry[] = [];
    for (const [stream, entries] of streams) {
      for (const [entryId, fields] of entries) {
        const json = fields?.[1] ?? '';
        const event = parseEvent(json, fields?.[3] === '1');
        if (event) good.push({ stream, entryId, json, event });
        else await this.bury({ stream, entryId, json }, 'not a usage event of this version');
      }
    }
    return good;
  }
}

/** @param gone what only the script that ended the request knew: its callers had hung up. */
function parseEvent(json: string, gone: boolean): UsageEvent | null {
  try {
    const parsed = usageEvent.safeParse(JSON.parse(json));
    if (!parsed.success) return null;
    if (gone && parsed.data.log) parsed.data.log.clientGone = true;
    return parsed.data;
  } catch {
    return null;
  }
}

async function execOrThrow(pipeline: { exec(): Promise<[Error | null, unknown][] | null> }): Promise<void> {
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
}

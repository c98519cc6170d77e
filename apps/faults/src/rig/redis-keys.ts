/** What stands in Redis: what has an end, what has none, and what nobody would ever find again. */
import type { Redis } from 'ioredis';

const PAGE = 1_000;
/** Where BullMQ names a job, by the type of the key. */
const LISTS = ['wait', 'active', 'paused'];
const SETS = ['prioritized', 'delayed', 'completed', 'failed'];
/** BullMQ's own, one of each a queue: what wakes a worker, and a counter of priorities. */
const SIGNS = ['marker', 'pc'];
/** They come and go with what is in them. */
const UNFINISHED = /^lgw:[^:]+:unfinished$/;
const LIST = new RegExp(`^\\{lgw\\.[^}]+\\}:generate\\.[^:]+:(${[...LISTS, ...SETS, ...SIGNS].join('|')})$`);
const JOB = /^(\{lgw\.[^}]+\}:generate\.[^:]+:)(req_[^:]+)$/;

export interface KeyCensus {
  /** Keys that expire. */
  ending: number;
  /** Keys without an end that belong to a lane, a shard or the configuration, by their names. */
  lasting: ReadonlySet<string>;
  /** Keys of a request or a reply that never expire, and jobs that none of their queue's lists names. */
  orphans: readonly string[];
  usedBytes: number;
}

export async function countKeys(redis: Redis): Promise<KeyCensus> {
  const names = await allKeys(redis);
  const ttls = await inPages(names, async (page) => {
    const pipeline = redis.pipeline();
    for (const name of page) pipeline.pttl(name);
    return repliesOf(await pipeline.exec()).map(Number);
  });
  const endless = names.filter((_name, index) => ttls[index] === -1);
  const jobs = endless.filter((name) => JOB.test(name));
  const named = await namedJobs(redis, jobs);
  const orphans = endless.filter((name) => /^lgw:[^:]+:re[qs]:|^lgw:(flight|idem|reply|cache):/.test(name));
  // A job that ended while we looked is in none of the lists, and then not there either.
  for (const job of jobs) if (!named.has(job) && (await redis.exists(job)) === 1) orphans.push(job);
  const info = await redis.info('memory');
  return {
    ending: names.length - endless.length,
    lasting: new Set(endless.filter((name) => ![JOB, LIST, UNFINISHED].some((kind) => kind.test(name)))),
    orphans,
    usedBytes: Number(/used_memory:(\d+)/.exec(info)?.[1]),
  };
}

/** Deletes what is kept of ended requests for five minutes, so that what remains can be weighed before it would go by itself. */
export async function forgetEnded(redis: Redis): Promise<void> {
  const results = (await allKeys(redis)).filter((name) => /^lgw:[^:]+:res:/.test(name));
  await inPages(results, async (page) => {
    await redis.unlink(page.flatMap((name) => [name, name.replace(':res:', ':req:')]));
    return [];
  });
}

async function allKeys(redis: Redis): Promise<string[]> {
  const names = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'COUNT', PAGE);
    for (const name of page) names.add(name);
    cursor = next;
  } while (cursor !== '0');
  return [...names];
}

async function namedJobs(redis: Redis, jobs: readonly string[]): Promise<Set<string>> {
  const queues = new Set(jobs.map((job) => JOB.exec(job)?.[1] ?? ''));
  const named = new Set<string>();
  for (const queue of queues) {
    for (const list of LISTS) for (const id of await redis.lrange(queue + list, 0, -1)) named.add(queue + id);
    for (const set of SETS) for (const id of await redis.zrange(queue + set, '0', '-1')) named.add(queue + id);
  }
  return named;
}

async function inPages<T, R>(things: readonly T[], work: (page: T[]) => Promise<R[]>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < things.length; at += PAGE) results.push(...(await work(things.slice(at, at + PAGE))));
  return results;
}

function repliesOf(replies: [Error | null, unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}

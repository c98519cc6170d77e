import type { Redis } from 'ioredis';
import { allShards } from '@llm-gateway/shared';
import { keys } from '../keys.js';

/** Usage on its way into the database. */
export interface UsageBacklog {
  /** Events that are not written yet, those in a writer's hands included. */
  waiting: number;
  /** Age of the oldest of them; 0 where there is none. */
  oldestMs: number;
  /** Events that the database has refused. */
  dead: number;
}

/** What is written leaves its stream, so what stands there waits. */
export async function usageBacklog(redis: Redis): Promise<UsageBacklog> {
  const shards = await Promise.all(
    allShards().map(async (shard) => {
      const stream = keys.usage(shard);
      const [waiting, dead, [oldest]] = await Promise.all([
        redis.xlen(stream),
        redis.xlen(keys.deadUsage(stream)),
        redis.xrange(stream, '-', '+', 'COUNT', 1),
      ]);
      // An entry's id begins with the time at which it was added, in epoch ms.
      return { waiting, dead, addedAt: oldest === undefined ? Infinity : Number.parseInt(oldest[0], 10) };
    }),
  );
  const sum = (of: 'waiting' | 'dead'): number => shards.reduce((total, shard) => total + shard[of], 0);
  const addedAt = Math.min(...shards.map((shard) => shard.addedAt));
  return { waiting: sum('waiting'), dead: sum('dead'), oldestMs: addedAt === Infinity ? 0 : Math.max(0, Date.now() - addedAt) };
}

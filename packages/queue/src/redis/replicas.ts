import type { Redis } from 'ioredis';
import { keys } from '../keys.js';
import { REPLICA_SILENCE_MS } from './pulse.js';

/** Has this API replica shown a sign of life just now? */
export async function isReplicaAlive(redis: Redis, apiId: string): Promise<boolean> {
  const seenAt = await redis.zscore(keys.replicas, apiId);
  return seenAt !== null && Date.now() - Number(seenAt) < REPLICA_SILENCE_MS;
}

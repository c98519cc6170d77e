/** Administrators' sessions in the browser, for all replicas in one place. What is kept is sealed by whoever keeps it here. */
import type { Redis } from 'ioredis';
import { keys } from '../keys.js';

/** @param id what the session is found by; not what its browser shows. @param ttlMs when it ends by itself. */
export async function openAdminSession(redis: Redis, id: string, sealed: string, ttlMs: number): Promise<void> {
  await redis.set(keys.adminSession(id), sealed, 'PX', ttlMs);
}

/** @returns null where there is none (any more). */
export const readAdminSession = (redis: Redis, id: string): Promise<string | null> => redis.get(keys.adminSession(id));

/** Ends when it would have ended. One that has been closed meanwhile stays closed. */
export async function rewriteAdminSession(redis: Redis, id: string, sealed: string): Promise<void> {
  await redis.set(keys.adminSession(id), sealed, 'KEEPTTL', 'XX');
}

export async function closeAdminSession(redis: Redis, id: string): Promise<void> {
  await redis.del(keys.adminSession(id));
}

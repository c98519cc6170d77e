/** What is still on its way through Redis: only when nothing is do the books have to agree. */
import { allShards } from '@llm-gateway/shared';
import type { Rig } from '../rig/rig.js';
import { until } from '../rig/wait.js';

export interface Unsettled {
  /** Usage events that no worker has written yet. */
  events: number;
  /** Requests that nobody has ended yet. */
  requests: number;
  /** Usage events that the database refused. */
  dead: number;
}

export async function unsettled({ redisClient }: Rig): Promise<Unsettled> {
  const pipeline = redisClient.pipeline();
  for (const shard of allShards()) {
    pipeline.xlen(`lgw:${shard}:usage`).zcard(`lgw:${shard}:unfinished`).xlen(`lgw:${shard}:usage:dead`);
  }
  const counts = ((await pipeline.exec()) ?? []).map(([error, count]) => {
    if (error) throw error;
    return Number(count);
  });
  const sum = (place: number): number => counts.filter((_, index) => index % 3 === place).reduce((a, b) => a + b, 0);
  return { events: sum(0), requests: sum(1), dead: sum(2) };
}

/** Waits until every request has ended and every event is written. @returns how long that took, in ms. */
export async function settled(rig: Rig, withinMs = 60_000): Promise<number> {
  const startedAt = Date.now();
  await until('every request ended and every usage event written', withinMs, async () => {
    const { events, requests } = await unsettled(rig);
    return events === 0 && requests === 0;
  });
  return Date.now() - startedAt;
}

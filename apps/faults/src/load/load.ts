import { setTimeout as sleep } from 'node:timers/promises';
import type { Ask, Client, Entry } from './client.js';

/** Sends `count` requests, at most `atOnce` at a time, each as soon as there is room. */
export async function atOnce(client: Client, count: number, limit: number, ask: (index: number) => Ask): Promise<Entry[]> {
  const entries: Entry[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) entries.push(await client.ask(ask(next++)));
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, lane));
  return entries;
}

export interface Stream {
  /** Resolves when all that were sent have ended. */
  stop(): Promise<Entry[]>;
  readonly sent: number;
}

/** Sends requests at a steady rate, whatever becomes of them, until it is stopped. */
export function steadily(client: Client, perSecond: number, ask: (index: number) => Ask): Stream {
  const underWay: Promise<Entry>[] = [];
  const startedAt = performance.now();
  let stopped = false;
  const run = async (): Promise<void> => {
    while (!stopped) {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
      while (underWay.length < due) underWay.push(client.ask(ask(underWay.length)));
      await sleep(10);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopped = true;
      await running;
      return Promise.all(underWay);
    },
    get sent() {
      return underWay.length;
    },
  };
}

/** @param part 0.99 for p99. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

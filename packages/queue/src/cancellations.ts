/** Cancelling work that is under way: whoever wants it ended tells all workers, the one that holds it aborts the provider call. */
import type { Redis } from 'ioredis';
import { keys } from './keys.js';

export async function broadcastCancellation(redis: Redis, requestId: string): Promise<void> {
  await redis.publish(keys.cancellations, requestId);
}

export function onCancellation(subscriber: Redis, cancel: (requestId: string) => void): void {
  subscriber.on('message', (channel: string, requestId: string) => {
    if (channel === keys.cancellations) cancel(requestId);
  });
  const subscribe = () => void subscriber.subscribe(keys.cancellations).catch(() => undefined);
  subscriber.on('ready', subscribe);
  if (subscriber.status === 'ready') subscribe();
}

/** The other half of bare-queue.mjs: answers at once, with an answer of the size that ours has. */
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { bullConnection } from './bull-connection.mjs';

const redis = new Redis(process.env.REDIS_URL);
const result = { content: 'The quick brown fox jumps over the lazy dog. '.repeat(10), usage: { total_tokens: 230 } };
const worker = new Worker(
  'bare',
  async ({ data }) => {
    await redis.publish(data.channel, JSON.stringify({ id: data.id, result }));
  },
  { connection: bullConnection(process.env.REDIS_URL), concurrency: 100 },
);
await worker.waitUntilReady();
console.log(JSON.stringify({ msg: 'ready' }));

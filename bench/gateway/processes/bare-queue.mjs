/** What a queued call costs with nothing around it: Express 5, its own JSON parser, BullMQ's add, the worker's reply on this process's channel. */
import { randomUUID } from 'node:crypto';
import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import { bullConnection } from './bull-connection.mjs';

const queue = new Queue('bare', { connection: bullConnection(process.env.REDIS_URL) });
const subscriber = new Redis(process.env.REDIS_URL);
const channel = `bare:reply:${randomUUID()}`;
const waiting = new Map();
await subscriber.subscribe(channel);
subscriber.on('message', (_channel, text) => {
  const { id, result } = JSON.parse(text);
  waiting.get(id)?.(result);
  waiting.delete(id);
});

let serial = 0;
const app = express();
app.use(express.json());
app.post('/', async (req, res) => {
  const id = String(++serial);
  const reply = new Promise((resolve) => waiting.set(id, resolve));
  await queue.add('bare', { id, channel, body: req.body }, { removeOnComplete: true });
  res.json(await reply);
});
const server = app.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ msg: 'listening', port: server.address().port }));
});

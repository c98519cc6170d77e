/** How long a PING of Redis takes in a process that does nothing else: what of a wait is the machine's. `GET /` tells, of the time since the last. */
import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { percentiles } from './percentiles.mjs';

const EVERY_MS = 10;

const redis = new Redis(process.env.REDIS_URL);
await redis.ping();
let timesMs = [];
setInterval(async () => {
  const from = performance.now();
  await redis.ping();
  timesMs.push(performance.now() - from);
}, EVERY_MS);
const server = createServer((_request, response) => {
  response.end(JSON.stringify(percentiles(timesMs)));
  timesMs = [];
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ msg: 'listening', port: server.address().port })));

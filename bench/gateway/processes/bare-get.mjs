/** What a cache hit costs with nothing around it: Express 5, its own JSON parser, one GET. */
import express from 'express';
import { Redis } from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);
const app = express();
app.use(express.json());
app.post('/', async (req, res) => {
  res.type('json').send(await redis.get(`bare:${req.body.prompt}`));
});
const server = app.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ msg: 'listening', port: server.address().port }));
});

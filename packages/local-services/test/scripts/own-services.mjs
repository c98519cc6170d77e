// Starts PostgreSQL and Redis in the directory given, says so, and stays: someone to be killed.
import { startPostgres, startRedis } from '../../dist/index.js';

const [directory] = process.argv.slice(2);
const postgres = await startPostgres({ dataDir: `${directory}/postgres` });
const redis = await startRedis({ dataDir: `${directory}/redis`, persistent: true });
console.log(JSON.stringify({ msg: 'ready', postgres: { pid: postgres.pid, url: postgres.url }, redis: { pid: redis.pid } }));
setInterval(() => undefined, 60_000);

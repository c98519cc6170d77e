/** The gateway's own processes, as an operator runs them, on the database that is measured. */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess, startRedis } from '@llm-gateway/local-services';

const KEY = 'bench-service-key-0123456789';
const main = (app) => fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url));

const settings = (databaseUrl, redisUrl) => ({
  PATH: process.env.PATH,
  DATABASE_URL: databaseUrl,
  REDIS_URL: redisUrl,
  ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  LOG_LEVEL: 'warn',
});

/** An API process with a Redis of its own. @returns `get` (a path's answer, to be read), its `pid` and `stop`. */
export async function startApi(databaseUrl) {
  const redis = await startRedis();
  const env = {
    ...settings(databaseUrl, redis.url),
    LOG_LEVEL: 'info',
    SERVICE_KEYS: KEY,
    ADMIN_KEYS: 'bench-admin-key-0123456789',
    PORT: '0',
    HOST: '127.0.0.1',
  };
  const api = await startProcess({ name: 'api', entry: main('api'), env });
  const get = async (path) => {
    const response = await fetch(`http://127.0.0.1:${api.port}/api/v1/usage/${path}`, { headers: { 'x-service-key': KEY } });
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  const stop = async () => {
    await api.stop();
    await redis.stop();
  };
  return { get, pid: api.pid, stop };
}

/** A worker: it has no lane to serve, and so does nothing but write usage rows. */
export async function startWorker(databaseUrl, redisUrl) {
  const HEALTH_FILE = join(tmpdir(), `llm-gateway-bench-${randomBytes(4).toString('hex')}`);
  const env = { ...settings(databaseUrl, redisUrl), LOG_LEVEL: 'info', HEALTH_FILE };
  return startProcess({ name: 'worker', entry: main('worker'), env });
}

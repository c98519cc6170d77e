import { jest } from '@jest/globals';
import { createTestDatabase, startRedis } from '@llm-gateway/local-services';
import { migrate } from '@llm-gateway/db';
import { parseEnv } from '@llm-gateway/shared';
import { apiEnv } from '../../src/env.js';
import { startApi, type RunningApi } from '../../src/start-api.js';
import { readableLogger } from './listen.js';

/** A machine that runs other tests as well may take seconds to start all that a test needs. */
jest.setTimeout(30_000);

export const SERVICE_KEY = 'a-service-key-of-the-tests';
export const ADMIN_KEY = 'an-admin-key-of-the-tests';

export interface TestApi extends RunningApi {
  url: string;
  log: ReturnType<typeof readableLogger>;
  database: { url: string };
  redis: { url: string };
  /** A call with the admin key, unless told; a body is sent as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<Called>;
  /** Another replica of this one, unless told otherwise; it is stopped with it. */
  replica(changes?: Record<string, string>): Promise<Replica>;
  end(): Promise<void>;
}

export interface Replica extends RunningApi {
  url: string;
  log: ReturnType<typeof readableLogger>;
  call: TestApi['call'];
}

export interface CallOptions {
  key?: string | null;
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Called {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed body; undefined where there is none. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look at whatever comes back
  body: any;
}

/** The whole API as main.ts starts it, on a database and a Redis of its own. */
export async function startTestApi(changes: Record<string, string> = {}): Promise<TestApi> {
  const [database, redis] = await Promise.all([createTestDatabase(), startRedis()]);
  await migrate(database.url);
  const replicas: Replica[] = [];
  const replica = async (others: Record<string, string> = {}): Promise<Replica> => {
    const started = await startReplica({ DATABASE_URL: database.url, REDIS_URL: redis.url, ...changes, ...others });
    replicas.push(started);
    return started;
  };
  const end = async (): Promise<void> => {
    await Promise.all(replicas.map((each) => each.stop()));
    await Promise.all([database.drop(), redis.stop()]);
  };
  return { ...(await replica()), database, redis, replica, end };
}

async function startReplica(changes: Record<string, string>): Promise<Replica> {
  const log = readableLogger(changes['LOG_LEVEL']);
  const env = parseEnv(apiEnv, {
    PORT: '0',
    HOST: '127.0.0.1',
    SERVICE_KEYS: SERVICE_KEY,
    ADMIN_KEYS: ADMIN_KEY,
    ENCRYPTION_KEYS: `test:${Buffer.alloc(32, 1).toString('base64')}`,
    EGRESS_ALLOW: '127.0.0.0/8',
    SHUTDOWN_TIMEOUT_MS: '2000',
    ...changes,
  });
  const api = await startApi(env, log.logger);
  const url = `http://127.0.0.1:${api.port}`;
  let stopped: Promise<void> | undefined;
  return {
    ...api,
    url,
    log,
    stop: () => (stopped ??= api.stop()),
    call: (method, path, options) => call(url, method, path, options),
  };
}

async function call(
  url: string,
  method: string,
  path: string,
  { key = ADMIN_KEY, body, headers }: CallOptions = {},
): Promise<Called> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(key !== null && { 'x-service-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

import { connectRedis, type Redis } from '@llm-gateway/queue';
import { Browser } from './browser.js';
import { eventually } from './eventually.js';
import { ADMIN_KEY, SERVICE_KEY, startTestApi, type Replica, type TestApi } from './test-api.js';

export const QUEUES = '/admin/queues';
export const BOARD_API = `${QUEUES}/api/queues`;

/** Two replicas behind the admin's pages, a waiting job, and a look into their Redis. */
export interface AdminSide {
  api: TestApi;
  other: Replica;
  redis: Redis;
  jobId: string;
  /** Tests sign in more often than people do. */
  forgetTries(): Promise<void>;
  /** A browser that has signed in. */
  signedIn(key?: string): Promise<Browser>;
  /** A new key of an administrator. */
  adminKey(): Promise<{ id: string; key: string }>;
  audit(query: string): Promise<Record<string, unknown>[]>;
  end(): Promise<void>;
}

export async function startAdminSide(): Promise<AdminSide> {
  const api = await startTestApi();
  const other = await api.replica();
  const redis = connectRedis(api.redis.url, 'fail-fast', api.log.logger);
  await eventually(
    () => redis.ping().catch(() => null),
    (pong) => pong === 'PONG',
  );
  await api.call('POST', '/api/v1/providers', { body: { name: 'one', type: 'openai', api_key: 'sk-admin-pages-1234' } });
  const body = { service: 'tests', prompt: 'a prompt <b>that</b> is hidden', provider: 'one' };
  const jobId = (await api.call('POST', '/api/v1/generate?mode=async', { key: SERVICE_KEY, body })).body.id as string;
  const forgetTries = async (): Promise<void> => {
    for (const key of await redis.keys('lgw:key:last-minute:login:*')) await redis.del(key);
  };
  let made = 0;
  return {
    ...{ api, other, redis, jobId, forgetTries },
    signedIn: async (key = ADMIN_KEY) => {
      await forgetTries();
      const browser = new Browser(api.url);
      const { status } = await browser.signIn(key);
      if (status !== 303) throw new Error(`signing in gave ${status}`);
      return browser;
    },
    adminKey: async () => {
      const { body: row } = await api.call('POST', '/api/v1/keys', { body: { name: `board-${++made}`, scopes: ['admin'] } });
      return row as { id: string; key: string };
    },
    audit: async (query) => (await api.call('GET', `/api/v1/audit?${query}`)).body.data as Record<string, unknown>[],
    end: async () => {
      redis.disconnect();
      await api.end();
    },
  };
}

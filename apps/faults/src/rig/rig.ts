/** All that a test works on: real stores, the gateway's processes, stand-in vendors; and a hand on each of them. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '@llm-gateway/db';
import { gatewayEnv, STAND_IN_MODELS, type GatewayEnv, type Postgres } from '@llm-gateway/local-services';
import type { ProviderType } from '@llm-gateway/shared';
import { Redis as RedisClient } from 'ioredis';
import pg from 'pg';
import { Fleet } from './fleet.js';
import { postgresStore, RedisStore, type Store } from './stores.js';
import { PRICES, Vendor } from './vendor.js';
import { until } from './wait.js';

const SCHEMA = 'llm_gateway_test';

export interface RigOptions {
  path: string;
  env?: GatewayEnv;
}

interface Parts {
  directory: string;
  postgres: Store<Postgres>;
  redis: RedisStore;
  vendor: Vendor;
  env: GatewayEnv;
}

export class Rig {
  readonly postgres: Store<Postgres>;
  readonly redis: RedisStore;
  readonly vendor: Vendor;
  readonly fleet: Fleet;
  readonly serviceKey: string;
  readonly adminKey: string;
  readonly env: GatewayEnv;
  /** The checker's own ways to the stores, past the gateway. */
  readonly sql: pg.Pool;
  readonly redisClient: RedisClient;
  readonly #directory: string;

  private constructor({ directory, postgres, redis, vendor, env }: Parts) {
    this.postgres = postgres;
    this.redis = redis;
    this.vendor = vendor;
    this.env = env;
    this.serviceKey = env.SERVICE_KEYS ?? '';
    this.adminKey = env.ADMIN_KEYS ?? '';
    this.#directory = directory;
    this.fleet = new Fleet(env, directory);
    this.sql = new pg.Pool({
      connectionString: env.DATABASE_URL,
      options: `-c search_path=${SCHEMA}`,
      max: 2,
      connectionTimeoutMillis: 3_000,
      query_timeout: 10_000,
    });
    this.sql.on('error', () => undefined);
    this.redisClient = new RedisClient(redis.url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
    this.redisClient.on('error', () => undefined);
  }

  /** Stores and vendors; no process of the gateway yet. */
  static async start({ path, env = {} }: RigOptions): Promise<Rig> {
    const directory = await mkdtemp(join(tmpdir(), 'llm-gateway-faults-'));
    const [postgres, redis, vendor] = await Promise.all([postgresStore(directory), RedisStore.create(directory), Vendor.start()]);
    const databaseUrl = `${postgres.url}?schema=${SCHEMA}`;
    await migrate(databaseUrl);
    const keys = {
      serviceKey: `service-${randomBytes(16).toString('hex')}`,
      adminKey: `admin-${randomBytes(16).toString('hex')}`,
    };
    const base = gatewayEnv({ path, databaseUrl, redisUrl: redis.url, ...keys });
    return new Rig({ directory, postgres, redis, vendor, env: { ...base, USAGE_SPOOL_DIR: join(directory, 'spool'), ...env } });
  }

  /** Everything up, no provider of an earlier test. */
  async ready(size: { apis: number; workers: number }): Promise<void> {
    await Promise.all([this.postgres.restore(), this.redis.restore()]);
    for (const child of this.fleet.all) child.kill('SIGCONT');
    await this.fleet.dismissSpecial();
    await this.fleet.fill(size);
    this.vendor.forget();
    await this.#removeProviders();
  }

  /** Creates a provider on the stand-in, under a name that is its label there too; and waits until every worker serves it. */
  async provider(name: string, type: ProviderType = 'openai', fields: Record<string, unknown> = {}): Promise<string> {
    const id = await this.createProvider(name, type, fields);
    await this.lanesServed([name]);
    return id;
  }

  async createProvider(name: string, type: ProviderType = 'openai', fields: Record<string, unknown> = {}): Promise<string> {
    const { status, body } = await this.admin('POST', '/api/v1/providers', {
      name,
      type,
      api_key: `sk-${name}`,
      base_url: this.vendor.baseUrl(type, name),
      default_model: STAND_IN_MODELS[type],
      pricing: PRICES,
      ...fields,
    });
    if (status !== 201) throw new Error(`provider ${name} was not created: ${status} ${JSON.stringify(body)}`);
    return (body as { id: string }).id;
  }

  /** Every API replica sees so many workers on these lanes. */
  async lanesServed(names: readonly string[], workers = this.fleet.workers.length, withinMs = 30_000): Promise<void> {
    await until(`${names.join(', ')} served by ${workers} workers`, withinMs, async () => {
      for (const api of this.fleet.apis) {
        const { body } = await this.request(`http://127.0.0.1:${api.port}/health/ready`);
        const lanes = (body as { checks: { workers: Record<string, { workers?: number } | undefined> } }).checks.workers;
        if (names.some((name) => (lanes[name]?.workers ?? 0) < workers)) return false;
      }
      return true;
    });
  }

  /** Calls an API replica as an admin. */
  admin(method: string, path: string, body?: unknown, api = 0): Promise<{ status: number; body: unknown }> {
    return this.request(`http://127.0.0.1:${this.fleet.apis[api]?.port}${path}`, {
      method,
      headers: { 'x-service-key': this.adminKey, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async request(url: string, init: RequestInit = {}): Promise<{ status: number; body: unknown }> {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000), ...init });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  }

  async rows<T extends object>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.sql.query<T>(text, values)).rows;
  }

  async stop(): Promise<void> {
    await Promise.all([this.postgres.restore(), this.redis.restore()]).catch(() => undefined);
    await this.fleet.stop();
    await this.sql.end().catch(() => undefined);
    this.redisClient.disconnect();
    await Promise.allSettled([this.postgres.stop(), this.redis.stop(), this.vendor.stop()]);
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #removeProviders(): Promise<void> {
    const { body } = await this.admin('GET', '/api/v1/providers?limit=1000');
    for (const { id } of (body as { data: { id: string }[] }).data) await this.admin('DELETE', `/api/v1/providers/${id}`);
  }
}

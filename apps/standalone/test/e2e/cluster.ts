/** A whole gateway for a test: real PostgreSQL and Redis, stand-in vendors, API and worker replicas as the processes that users run. */
import { join } from 'node:path';
import pg from 'pg';
import {
  createTestDatabase,
  gatewayEnv,
  STAND_IN_MODELS,
  startApiProcess,
  startRedis,
  startUpstream,
  startWorkerProcess,
  type ChildHandle,
  type Redis,
  type Upstream,
} from '@llm-gateway/local-services';
import { migrate } from '@llm-gateway/db';
import { PROVIDER_TYPES, type ErrorCode, type GenerateInput, type GenerateResult, type ProviderType } from '@llm-gateway/shared';

export const SERVICE_KEY = 'test-service-key-0123456789';
export const ADMIN_KEY = 'test-admin-key-0123456789';

export interface Reply {
  status: number;
  headers: Headers;
  body: GenerateResult & { error?: { code: ErrorCode; message: string; details: { path: string; message: string }[] } };
  ms: number;
}

export interface ClusterOptions {
  apis?: number;
  workers?: number;
  /** Environment of every process, beside what it needs. */
  env?: Record<string, string>;
  /** A database of the test's own server, with its schema in the URL, in place of one on the server for all tests. */
  databaseUrl?: string;
  /** A server whose data outlives its end. */
  redis?: Redis;
}

export interface ProviderFields {
  name: string;
  type: ProviderType;
  default_model?: string;
  [field: string]: unknown;
}

export class Cluster {
  readonly apis: ChildHandle[] = [];
  readonly workers: ChildHandle[] = [];
  readonly upstream: Upstream;
  readonly redis: Redis;
  readonly sql: pg.Pool;
  readonly #env: Record<string, string>;
  readonly #dropDatabase: () => Promise<void>;
  #countedSince = new Date(0);

  private constructor(parts: { upstream: Upstream; redis: Redis; env: Record<string, string>; drop: () => Promise<void> }) {
    this.upstream = parts.upstream;
    this.redis = parts.redis;
    this.#env = parts.env;
    this.#dropDatabase = parts.drop;
    this.sql = new pg.Pool({ connectionString: parts.env.DATABASE_URL, options: '-c search_path=llm_gateway_test', max: 2 });
    this.sql.on('error', () => undefined);
  }

  /** For commands that work on it beside the gateway. */
  get databaseUrl(): string {
    return this.#env.DATABASE_URL ?? '';
  }

  static async start({ apis = 1, workers = 1, env = {}, databaseUrl, ...own }: ClusterOptions = {}): Promise<Cluster> {
    const [database, redis, upstream] = await Promise.all([
      databaseUrl === undefined ? createTestDatabase() : { url: databaseUrl, drop: () => Promise.resolve() },
      own.redis ?? startRedis({ persistent: true }),
      startUpstream(),
    ]);
    await migrate(database.url);
    const cluster = new Cluster({
      upstream,
      redis,
      drop: () => database.drop(),
      env: {
        ...gatewayEnv({
          path: process.env.PATH ?? '',
          databaseUrl: database.url,
          redisUrl: redis.url,
          serviceKey: SERVICE_KEY,
          adminKey: ADMIN_KEY,
        }),
        ...env,
      },
    });
    await Promise.all([
      ...Array.from({ length: apis }, () => cluster.addApi()),
      ...Array.from({ length: workers }, () => cluster.addWorker()),
    ]);
    return cluster;
  }

  async addApi(env: Record<string, string> = {}): Promise<ChildHandle> {
    const api = await startApiProcess({ ...this.#env, ...env });
    this.apis.push(api);
    return api;
  }

  async addWorker(env: Record<string, string> = {}): Promise<ChildHandle> {
    const worker = await startWorkerProcess({ ...this.#env, ...env }, join(process.cwd(), 'node_modules', '.cache'));
    this.workers.push(worker);
    return worker;
  }

  url(path: string, api = 0): string {
    return `http://127.0.0.1:${this.apis[api]?.port}${path}`;
  }

  /** Calls the API as an admin. */
  async admin(method: string, path: string, body?: unknown, api = 0): Promise<{ status: number; body: never }> {
    const response = await fetch(this.url(path, api), {
      method,
      headers: { 'x-service-key': ADMIN_KEY, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as never };
  }

  /** Creates a provider on the stand-in vendor; its label there is its name. @returns its id. */
  async provider({ type, name, ...fields }: ProviderFields): Promise<string> {
    const body = {
      name,
      type,
      api_key: `sk-${name}`,
      base_url: this.upstream.baseUrlFor(type, name),
      default_model: STAND_IN_MODELS[type],
      ...fields,
    };
    const { status, body: row } = await this.admin('POST', '/api/v1/providers', body);
    if (status !== 201) throw new Error(`provider ${name}: ${status} ${JSON.stringify(row)}`);
    return (row as { id: string }).id;
  }

  /** One provider of each type, each on the stand-in. */
  async sixProviders(): Promise<void> {
    for (const [index, type] of PROVIDER_TYPES.entries())
      await this.provider({ name: `${type}-main`, type, priority: index + 1 });
  }

  async generate(
    request: GenerateInput,
    options: { api?: number; headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Reply> {
    const started = performance.now();
    const response = await fetch(this.url('/api/v1/generate', options.api), {
      method: 'POST',
      headers: { 'x-service-key': SERVICE_KEY, 'content-type': 'application/json', ...options.headers },
      body: JSON.stringify({ service: 'test', ...request }),
      signal: options.signal,
    });
    const body = (await response.json()) as Reply['body'];
    return { status: response.status, headers: response.headers, body, ms: performance.now() - started };
  }

  /** Every worker serves all these lanes. */
  async lanesServed(names: readonly string[], workers = this.workers.length): Promise<void> {
    await until(async () => {
      const { body } = await this.admin('GET', '/health/ready');
      const lanes = (body as { checks: { workers: Record<string, { workers?: number }> } }).checks.workers;
      return names.every((name) => (lanes[name]?.workers ?? 0) >= workers);
    }, 15_000);
  }

  /** Waits until a provider's health, as the API shows it, is as described. */
  async health(provider: string, isAsDescribed: (health: { state: string; queue_depth: number }) => boolean): Promise<void> {
    const [row] = await this.rows<{ id: string }>('SELECT id FROM llm_provider_configs WHERE name = $1', [provider]);
    await until(async () => isAsDescribed((await this.admin('GET', `/api/v1/providers/${row?.id}/health`)).body), 5_000);
  }

  async rows<T extends object>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.sql.query<T>(sql, values)).rows;
  }

  /** Waits until the usage rows have come through the stream. @returns how many there are of requests since {@link forgetRows}. */
  async settledRows(table: 'llm_usage_logs' | 'llm_usage_attempts', expected: number, withinMs = 15_000): Promise<number> {
    const count = async () =>
      Number(
        (await this.rows<{ n: string }>(`SELECT count(*) AS n FROM ${table} WHERE created_at >= $1`, [this.#countedSince]))[0]?.n,
      );
    await until(async () => (await count()) >= expected, withinMs).catch(() => undefined);
    return count();
  }

  /**
   * Counts no rows of what came before. They are not deleted: on a busy machine a second writer may have taken over a batch whose first writer
   * was slow, and would write deleted rows once more.
   */
  forgetRows(): void {
    this.#countedSince = new Date();
  }

  async stop(): Promise<void> {
    await Promise.allSettled([...this.apis, ...this.workers].map((child) => child.stop()));
    await this.sql.end();
    await Promise.allSettled([this.redis.stop(), this.upstream.stop()]);
    await this.#dropDatabase();
  }
}

export async function until(what: () => Promise<boolean>, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await what().catch(() => false))) {
    if (Date.now() > end) throw new Error(`not within ${withinMs} ms: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Everything that a run needs, each in a process of its own: PostgreSQL and Redis as in production (durable), the provider, our API and workers. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { migrate } from '@llm-gateway/db';
import { findOrInstallRedis, leanStart, startPostgres, startProcess, startRedis } from '@llm-gateway/local-services';
import { Books } from './books.mjs';

const SERVICE_KEY = `bench-${randomBytes(16).toString('hex')}`;
const ADMIN_KEY = `bench-admin-${randomBytes(16).toString('hex')}`;

const inRepository = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const program = (name) => fileURLToPath(new URL(`./processes/${name}.mjs`, import.meta.url));

export class Stack {
  apis = [];
  workers = [];
  #stops = [];
  #env;
  #profileDir;
  /** Name → id. */
  #providers = new Map();
  #running = '';
  /** Handles of our processes, as promises: one that is still starting has to be ended as well. */
  #ours = [];
  /** Name → promise of what was started. */
  #once = new Map();
  #stopped = null;

  /** @param profileDir where V8 writes a CPU profile of each process of ours as it ends; undefined: none. */
  constructor({ profileDir } = {}) {
    this.#profileDir = profileDir;
  }

  /** Starts what everything else needs. Whatever happens then, {@link stop} is to be called. */
  async start() {
    const dataDir = await mkdtemp(join(tmpdir(), 'llm-gateway-bench-'));
    this.#stops.push(() => rm(dataDir, { recursive: true, force: true }));
    const binary = await findOrInstallRedis({ onProgress: (line) => console.error(line) });
    [this.postgres, this.redis, this.upstream] = await Promise.all([
      this.#keep(startPostgres({ dataDir: join(dataDir, 'postgres') })),
      this.#keep(startRedis({ dataDir: join(dataDir, 'redis'), persistent: true, binary })),
      this.run('upstream'),
    ]);
    await migrate(this.postgres.url);
    this.#env = {
      DATABASE_URL: this.postgres.url,
      REDIS_URL: this.redis.url,
      SERVICE_KEYS: SERVICE_KEY,
      ADMIN_KEYS: ADMIN_KEY,
      ENCRYPTION_KEYS: `bench:${randomBytes(32).toString('base64')}`,
      EGRESS_ALLOW: '127.0.0.0/8',
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'info',
      HEALTH_FILE: join(dataDir, 'worker-alive'),
      NODE_ENV: 'production',
    };
    this.books = await Books.open(this.postgres.url, () => this.callsOf('ours'));
    this.#stops.push(() => this.books.close());
  }

  /** One of the benchmark's own programs, on a database of Redis that is not the gateway's. */
  run(name) {
    const env = { REDIS_URL: this.redis?.url.replace(/\/\d+$/, '/9'), NODE_ENV: 'production' };
    return this.once(name, () => startProcess({ name, entry: program(name), env }));
  }

  /** What is running already is not started again: a second bare worker would take the first one's jobs. @param start resolves to what has a `stop`. */
  once(name, start) {
    const started = this.#once.get(name) ?? this.#keep(start());
    this.#once.set(name, started);
    return started;
  }

  /** Runs so many API replicas and workers, each worker with so many jobs at once on each lane; others that are there are replaced. */
  async ours({ apis = 1, workers = 1, concurrency = 100 } = {}) {
    const wanted = `${apis} ${workers} ${concurrency}`;
    if (this.#running === wanted) return;
    await this.#end();
    this.#running = wanted;
    const worker = { ...this.#env, WORKER_CONCURRENCY: String(concurrency) };
    const starting = [this.#many('worker', workers, worker), this.#many('api', apis, this.#env)];
    this.#ours = starting.flat();
    [this.workers, this.apis] = await Promise.all(starting.map((each) => Promise.all(each)));
    await this.serving();
  }

  /** Sees to it that there are these providers. @param wanted `{ name, delayMs }` (how long each call takes), and fields as the API takes them. */
  async providers(...wanted) {
    for (const { name, delayMs = 0, ...fields } of wanted.filter((each) => !this.#providers.has(each.name))) {
      const base_url = `${this.upstreamUrl(delayMs, 'ours')}/v1`;
      const body = { name, type: 'openai', api_key: 'sk-bench', base_url, default_model: 'gpt-4o-mini', ...fields };
      this.#providers.set(name, (await this.#asAdmin('POST', '/api/v1/providers', body)).id);
    }
    await this.serving();
  }

  /** Deletes every other provider. */
  async keepOnly(name) {
    for (const [other, id] of [...this.#providers].filter(([each]) => each !== name)) {
      await this.#asAdmin('DELETE', `/api/v1/providers/${id}`);
      this.#providers.delete(other);
    }
    await this.serving();
  }

  async #asAdmin(method, path, body) {
    const response = await fetch(`${this.addressOf(this.apis[0])}${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-service-key': ADMIN_KEY },
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? null : response.json();
  }

  /** Where the provider answers after `delayMs`, and counts for `who`. */
  upstreamUrl = (delayMs, who) => `http://127.0.0.1:${this.upstream.port}/d${delayMs}/${who}`;

  addressOf = ({ port }) => `http://127.0.0.1:${port}`;

  /** How our side is called: all replicas, with a key. */
  get target() {
    const urls = this.apis.map((api) => `${this.addressOf(api)}/api/v1/generate`);
    const processes = { api: pids(this.apis), worker: pids(this.workers), ...this.servicePids };
    return { urls, headers: { 'x-service-key': SERVICE_KEY }, processes };
  }

  get servicePids() {
    return { redis: [this.redis.pid], postgres: [this.postgres.pid] };
  }

  /** Resolves when every replica knows every provider, with all workers on its lane. */
  async serving() {
    let states = [];
    for (const giveUpAt = Date.now() + 30_000; Date.now() < giveUpAt; await sleep(50)) {
      const replies = await Promise.all(this.apis.map((api) => fetch(`${this.addressOf(api)}/health/ready`)));
      states = await Promise.all(replies.map((reply) => reply.json()));
      if (states.every(({ checks }) => this.#isComplete(checks))) return;
    }
    throw new Error(`the gateway does not get ready: ${JSON.stringify(states[0])}`);
  }

  #isComplete({ redis, postgres, workers }) {
    const lanes = Object.values(workers);
    const served = lanes.length === this.#providers.size && lanes.every((lane) => lane.workers === this.workers.length);
    return redis === 'ok' && postgres === 'ok' && served;
  }

  /** Ends everything, also what is still starting. Safe to call twice. */
  stop() {
    return (this.#stopped ??= this.#stopAll());
  }

  async #stopAll() {
    await this.#end();
    for (const stop of this.#stops.toReversed()) await stop().catch((error) => console.error(String(error)));
  }

  async #end() {
    const started = await Promise.allSettled(this.#ours);
    await Promise.all(started.map(({ value }) => value?.stop()));
    [this.#ours, this.apis, this.workers] = [[], [], []];
  }

  #many(app, count, env) {
    const profile = this.#profileDir ? ['--cpu-prof', '--cpu-prof-dir', this.#profileDir, '--cpu-prof-name'] : [];
    return Array.from({ length: count }, (_, index) => {
      const profiling = profile.length > 0 ? [...profile, `${app}-${index}-${Date.now()}.cpuprofile`] : [];
      const entry = inRepository(`apps/${app}/dist/main.js`);
      return startProcess({
        name: app,
        entry,
        nodeArgs: [...leanStart.nodeArgs, ...profiling],
        env: { ...leanStart.env, ...env },
      });
    });
  }

  #keep(starting) {
    // What did not start has nothing to stop; whoever waits for it hears of it.
    this.#stops.push(() =>
      starting.then(
        (started) => started.stop(),
        () => undefined,
      ),
    );
    return starting;
  }

  /** How many calls the provider got from `who`. */
  async callsOf(who) {
    return Number(await (await fetch(`http://127.0.0.1:${this.upstream.port}/count/${who}`)).text());
  }
}

const pids = (handles) => handles.map((handle) => handle.pid);

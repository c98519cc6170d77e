import { closeDatabase, openDatabase } from '@llm-gateway/db';
import { addProcessMetrics, renderMetrics, serveMetrics, type MetricsListener } from '@llm-gateway/engine';
import { ClockWatch } from '@llm-gateway/queue';
import { newInstanceId, type Logger } from '@llm-gateway/shared';
import { createApp } from './app.js';
import { RefusalLog } from './audit/refusals.js';
import { anyOf } from './auth/any-of.js';
import { environmentKeys } from './auth/environment-keys.js';
import { KeyRate } from './auth/key-rate.js';
import { tokensOf } from './auth/jwt/tokens.js';
import { StoredKeys } from './auth/stored-keys.js';
import { composeReplica, type Replica } from './compose.js';
import type { Deps } from './deps.js';
import type { Env } from './env.js';
import { serve } from './server.js';

export interface RunningApi {
  port: number;
  deps: Deps;
  /** Stops accepting, lets requests in flight finish within SHUTDOWN_TIMEOUT_MS, and closes every connection. */
  stop(): Promise<void>;
}

/** Puts one API replica together and lets it listen. Redis and PostgreSQL may be down: it answers, and says so in its readiness. */
export async function startApi(env: Env, logger: Logger): Promise<RunningApi> {
  const { ENCRYPTION_KEYS: encryptionKeys, EGRESS_ALLOW: egress } = env;
  const db = openDatabase(env.DATABASE_URL);
  const replica = await composeReplica({ apiId: newInstanceId('api'), db, logger, encryptionKeys, egressAllow: egress, env });
  const { config, lanes, limiterUse, belt, budgets, redis, routers } = replica;
  const queues = { boardQueues: () => config.current().providers.map((provider) => belt.queue(provider.name)) };
  const stored = new StoredKeys({ config, encryptionKeys, db, logger });
  const tokens = tokensOf(env, egress, logger);
  const keys = anyOf({ environment: environmentKeys(env.SERVICE_KEYS, env.ADMIN_KEYS), stored, tokens });
  const refusals = new RefusalLog(db, logger);
  const keyRate = new KeyRate(redis, () => lanes.redisUp(), env.API_REPLICAS);
  const clock = new ClockWatch({ redis, logger });
  clock.start();
  const { metricsSources: sources } = replica;
  const render = () => renderMetrics({ ...sources, own: () => ({ ...sources.own?.(), ...clock.figure, ...ageOf(config) }) });
  const metrics = env.METRICS_TOKEN === undefined ? null : { token: env.METRICS_TOKEN, render };
  if (metrics) addProcessMetrics();
  const deps: Deps = {
    db,
    config,
    budgets,
    lanes,
    limiterUse,
    queues,
    keys,
    keyRate,
    adminRedis: redis,
    refusals,
    encryptionKeys,
    egress,
    metrics,
    logger,
    env,
    routers,
  };
  let listener: MetricsListener | null = null;
  const close = async (): Promise<void> => {
    listener?.close();
    keyRate.stop();
    clock.stop();
    tokens?.stop();
    await Promise.all([stored.stop(), refusals.stop()]);
    await replica.close();
    await closeDatabase(db);
  };
  try {
    listener = await listenForMetrics(env, render, logger);
    const server = await serve(createApp(deps), { port: env.PORT, host: env.HOST });
    const stop = async (): Promise<void> => {
      const finished = await server.drain(env.SHUTDOWN_TIMEOUT_MS);
      if (!finished) logger.warn({ timeoutMs: env.SHUTDOWN_TIMEOUT_MS }, 'requests still in flight were cut off');
      await close();
    };
    return { port: server.port, deps, stop };
  } catch (error) {
    await close();
    throw error;
  }
}

const ageOf = ({ unconfirmedMs }: Pick<Replica['config'], 'unconfirmedMs'>) => ({
  config_unconfirmed_seconds: {
    help: 'For how long PostgreSQL has not confirmed the configuration of this process, its keys included',
    value: unconfirmedMs / 1_000,
  },
});

/** A listener for metrics alone, where one is asked for. */
async function listenForMetrics(env: Env, render: () => Promise<string>, logger: Logger): Promise<MetricsListener | null> {
  const { METRICS_PORT: port, METRICS_HOST: host, METRICS_TOKEN: token } = env;
  if (port === undefined) return null;
  const listener = await serveMetrics({ port, host, token, render });
  logger.info({ metricsPort: listener.port, host }, 'metrics can be read');
  return listener;
}

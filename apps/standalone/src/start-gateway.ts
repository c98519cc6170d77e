import { actingAsSystem, closeDatabase, migrate, openDatabase, parseEncryptionKeys } from '@llm-gateway/db';
import type { StandaloneEnv } from './env.js';
import { provideKeys, type Keys } from './keys.js';
import { checkPort } from './port.js';
import { startApp, untilServing } from './processes.js';
import { noteRunning } from './running-note.js';
import { provideProviders, type ProviderOverview } from './providers.js';
import { provideDatabase, provideRedis, type OnEnd } from './services.js';
import type { StopList } from './stop-list.js';
import { welcome } from './welcome.js';

export interface StartOptions {
  env: StandaloneEnv;
  stops: StopList;
  /** Prints a line for the one who waits. */
  say: (line: string) => void;
  onEnd: OnEnd;
}

/** Starts everything, each thing after what it uses, and says how to use it. What was started stands in `stops`, also after a failure. */
export async function startGateway(options: StartOptions): Promise<void> {
  const { env, say, stops } = options;
  const startedAt = Date.now();
  await checkPort(env.PORT, env.HOST);
  const keys = await provideKeys(env.DATA_DIR, env);
  say(
    `starting ${[env.DATABASE_URL ? [] : 'PostgreSQL', env.REDIS_URL ? [] : 'Redis'].flat().join(' and ') || 'with your PostgreSQL and Redis'}`,
  );
  const [databaseUrl, redisUrl] = await Promise.all([provideDatabase(options), provideRedis(options)]);
  await migrate(databaseUrl, { onProgress: say });
  const providers = await prepareProviders(databaseUrl, keys, options);
  say('starting API and worker');
  const settings = settingsFor({ env, keys, databaseUrl, redisUrl });
  const [, api] = await Promise.all([startApp('worker', { ...options, settings }), startApp('api', { ...options, settings })]);
  const address = `http://${env.HOST === '0.0.0.0' || env.HOST === '::' ? '127.0.0.1' : env.HOST}:${api.port ?? env.PORT}`;
  const embeddedDatabase = env.DATABASE_URL ? null : databaseUrl;
  await stops.add('the note of what runs', await noteRunning(env.DATA_DIR, { address, embeddedDatabase, keys }));
  if (providers.enabled.length > 0) await untilServing(address);
  say(welcome({ address, seconds: ((Date.now() - startedAt) / 1_000).toFixed(1), keys, providers, env }));
}

async function prepareProviders(databaseUrl: string, keys: Keys, { env, stops }: StartOptions): Promise<ProviderOverview> {
  const db = openDatabase(databaseUrl);
  try {
    return await provideProviders({ db: actingAsSystem(db), keys: parseEncryptionKeys(keys.ENCRYPTION_KEYS), env, stops });
  } finally {
    await closeDatabase(db);
  }
}

interface Found {
  env: StandaloneEnv;
  keys: Keys;
  databaseUrl: string;
  redisUrl: string;
}

function settingsFor({ env, keys, databaseUrl, redisUrl }: Found): Record<string, string> {
  const loopback = 'localhost,127.0.0.0/8,::1';
  return {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    SERVICE_KEYS: keys.SERVICE_KEYS,
    ADMIN_KEYS: keys.ADMIN_KEYS,
    ENCRYPTION_KEYS: keys.ENCRYPTION_KEYS,
    EGRESS_ALLOW: env.EGRESS_ALLOW ? `${env.EGRESS_ALLOW},${loopback}` : loopback,
    PORT: String(env.PORT),
    HOST: env.HOST,
    LOG_LEVEL: env.LOG_LEVEL,
    HEALTH_FILE: `${env.DATA_DIR}/worker-alive`,
    USAGE_SPOOL_DIR: `${env.DATA_DIR}/usage-spool`,
  };
}

import { join } from 'node:path';
import { DirectoryInUseError, findOrInstallRedis, startPostgres, startRedis } from '@llm-gateway/local-services';
import type { StandaloneEnv } from './env.js';
import type { StopList } from './stop-list.js';

/** Called when something that should run for ever has ended. */
export type OnEnd = (name: string) => void;

interface Setting {
  env: StandaloneEnv;
  stops: StopList;
  say: (line: string) => void;
  onEnd: OnEnd;
}

/** @returns the URL of the database: the given one, or that of a PostgreSQL started in the data directory. */
export async function provideDatabase({ env, stops, onEnd }: Setting): Promise<string> {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  const postgres = await startPostgres({ dataDir: join(env.DATA_DIR, 'postgres') }).catch(explainUse);
  void postgres.exited.then(() => onEnd('PostgreSQL'));
  await stops.add('PostgreSQL', () => postgres.stop());
  return postgres.url;
}

/** @returns the URL of the queue's Redis: the given one, or that of a server started in the data directory. */
export async function provideRedis({ env, stops, say, onEnd }: Setting): Promise<string> {
  if (env.REDIS_URL) return env.REDIS_URL;
  const binary = await findOrInstallRedis({ onProgress: say });
  const redis = await startRedis({ dataDir: join(env.DATA_DIR, 'redis'), persistent: true, binary }).catch(explainUse);
  void redis.exited.then(() => onEnd('Redis'));
  await stops.add('Redis', () => redis.stop());
  return redis.url;
}

function explainUse(error: unknown): never {
  if (!(error instanceof DirectoryInUseError)) throw error;
  throw new Error(
    `npm start already runs with this data (process ${error.pid}): stop it, or give this one another folder by DATA_DIR`,
  );
}

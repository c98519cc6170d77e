import { join } from 'node:path';
import { findRedis } from '@llm-gateway/local-services';
import { PROVIDER_TYPES } from '@llm-gateway/shared';
import type { StandaloneEnv } from './env.js';
import { vendorKey } from './vendors.js';

/** What a start would do, in lines, for `--dry-run`. Nothing is started or written. */
export async function plan(env: StandaloneEnv): Promise<string> {
  const redis = await findRedis();
  const vendors = PROVIDER_TYPES.filter((type) => vendorKey(type, env) !== null);
  const keysFile = join(env.DATA_DIR, 'keys.json');
  const keySource = (name: 'SERVICE_KEYS' | 'ADMIN_KEYS' | 'ENCRYPTION_KEYS') =>
    `${name} from ${env[name] ? 'the environment' : keysFile}`;
  return [
    'npm start would',
    `  use     ${env.DATABASE_URL ? 'the database of DATABASE_URL' : `an embedded PostgreSQL with its data in ${join(env.DATA_DIR, 'postgres')}`}`,
    `  use     ${env.REDIS_URL ? 'the server of REDIS_URL' : `${redis ?? 'a Redis server, to be installed'}, with its data in ${join(env.DATA_DIR, 'redis')}`}`,
    '  apply   the missing migrations',
    `  use     ${[keySource('SERVICE_KEYS'), keySource('ADMIN_KEYS'), keySource('ENCRYPTION_KEYS')].join(', ')}`,
    ...(vendors.length > 0 ? ['  switch  what stand-ins there are to their vendors of these keys, or off'] : []),
    `  create  where there are no providers yet: ${vendors.length > 0 ? vendors.map((type) => `${type}-main`).join(', ') : 'a stand-in for each of the six types'}`,
    `  start   the API on ${env.HOST}:${env.PORT} and a worker, with logs in ${join(env.DATA_DIR, 'logs')}`,
  ].join('\n');
}

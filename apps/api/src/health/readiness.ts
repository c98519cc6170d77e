import { pingDatabase } from '@llm-gateway/db';
import { z } from 'zod';
import type { Deps } from '../deps.js';

/** A probe that hangs is as bad as a dependency that does. */
const PING_TIMEOUT_MS = 1_500;

const check = z.enum(['ok', 'down']);

export const readiness = z.object({
  status: z.enum(['ok', 'degraded', 'down']),
  checks: z.object({
    redis: check,
    postgres: check,
    workers: z.record(z.string(), z.object({ status: check, workers: z.int() })).describe('By provider: the enabled ones.'),
  }),
});
export type Readiness = z.infer<typeof readiness>;

/**
 * `down` only when no request could be served. PostgreSQL is no reason: the last known configuration serves, and rows wait. Nor are
 * Redis and the workers while this process carries requests out itself: a balancer that takes it out for them takes the gateway down.
 */
export async function checkReadiness(deps: Pick<Deps, 'db' | 'config' | 'lanes' | 'env'>): Promise<Readiness> {
  const redisUp = deps.lanes.redisUp();
  const status = deps.lanes.status();
  const enabled = deps.config.current().providers.filter((provider) => provider.enabled);
  const workers = Object.fromEntries(
    enabled.map(({ name }) => {
      const count = redisUp ? (status.get(name)?.workers ?? 0) : 0;
      return [name, { status: count > 0 ? ('ok' as const) : ('down' as const), workers: count }];
    }),
  );
  const postgresUp = await answers(deps.db);
  const lanesUp = Object.values(workers).filter((lane) => lane.status === 'ok').length;
  const canServe = lanesUp > 0 || (enabled.length > 0 && deps.env.DIRECT_MODE_MAX_CONCURRENCY > 0);
  const allWell = redisUp && postgresUp && lanesUp === enabled.length;
  return {
    status: canServe ? (allWell ? 'ok' : 'degraded') : 'down',
    checks: { redis: redisUp ? 'ok' : 'down', postgres: postgresUp ? 'ok' : 'down', workers },
  };
}

async function answers(db: Deps['db']): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), PING_TIMEOUT_MS);
  });
  const ping = pingDatabase(db).then(
    () => true,
    () => false,
  );
  return Promise.race([ping, tooLate]).finally(() => clearTimeout(timer));
}

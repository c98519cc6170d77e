import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Env } from '../env.js';

/** A folder for each database: what one gateway leaves behind must never be stored in another's. */
export function spoolDirectory({ USAGE_SPOOL_DIR, DATABASE_URL }: Pick<Env, 'USAGE_SPOOL_DIR' | 'DATABASE_URL'>): string {
  const { host, pathname, searchParams } = new URL(DATABASE_URL);
  const database = `${host}${pathname}?schema=${searchParams.get('schema') ?? 'public'}`;
  return join(USAGE_SPOOL_DIR, createHash('sha256').update(database).digest('hex').slice(0, 16));
}

import { GatewayError } from '@llm-gateway/shared';
import { z } from 'zod';
import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';
import { matching, type UsageFilter } from './usage-filter.js';
import {
  ATTEMPT_VIEW,
  LOG_VIEW,
  toView,
  type AttemptRow,
  type LogRow,
  type UsageAttemptView,
  type UsageLogView,
} from './usage-views.js';

const sortKey = z.tuple([z.iso.datetime(), z.string().max(200)]);

/** One row for each request, newest first. */
export async function usageLogs(db: Db, filter: UsageFilter, page: PageRequest): Promise<Page<UsageLogView>> {
  const after = readCursor(sortKey, page.cursor);
  // The time alone too, as the only upper bound: by it PostgreSQL finds the month and the place in it, which it does not by the pair. Where
  // there are two bounds it may begin at the later one, and read all that lies between.
  const rest = after ? { ...filter, to: new Date(Math.min(filter.to.getTime(), Date.parse(after[0]) + 1)) } : filter;
  const older = after ? Prisma.sql`AND (created_at, id) < (${new Date(after[0])}, ${after[1]})` : Prisma.empty;
  const sql = Prisma.sql`
    SELECT ${LOG_VIEW} FROM llm_usage_logs WHERE ${matching(rest)} ${older}
    ORDER BY created_at DESC, id DESC LIMIT ${page.limit + 1}`;
  const rows = await query(db, (client) => client.$queryRaw<LogRow[]>(sql));
  return toPage<LogRow, UsageLogView>(rows, page.limit, toView, (row) => [row.created_at.toISOString(), row.id]);
}

/** One request with its provider calls, in their order. @throws GatewayError `not_found`. */
export async function usageLogWithAttempts(db: Db, id: string): Promise<UsageLogView & { attempts: UsageAttemptView[] }> {
  const missing = new GatewayError('not_found', `no usage row has the id ${id.slice(0, 64)}`);
  if (id.includes('\0')) throw missing;
  const [logs, attempts] = await query(db, (client) =>
    Promise.all([
      client.$queryRaw<LogRow[]>`SELECT ${LOG_VIEW} FROM llm_usage_logs WHERE id = ${id} LIMIT 1`,
      client.$queryRaw<
        AttemptRow[]
      >`SELECT ${ATTEMPT_VIEW} FROM llm_usage_attempts WHERE request_id = ${id} ORDER BY number, created_at, id`,
    ]),
  );
  const log = logs[0];
  if (!log) throw missing;
  return { ...toView(log), attempts: attempts.map(toView) };
}

/** Changes of requests that are in the sums already: taken out, changed, put in again, while nobody else writes. */
import type { Queryable } from '../../connection/database.js';
import { Prisma } from '../../generated/client.js';
import { book } from './book.js';
import { REQUEST_MARGIN_MS, type Requests } from './facts.js';

/**
 * A late attempt and its request's row, written at the same moment by two writers, would not see each other and the cost would miss one.
 * So whoever changes what is there already, which is rare, does it alone; all who only add do it together. Until the transaction ends.
 *
 * Until then PostgreSQL joins without loops, too. To a planner that was told that a month is empty, because somebody analyzed it with its first
 * row in it, a loop over all calls for each request looks as good as any other way, and a batch took half a minute.
 */
export async function takeTurns(tx: Queryable, how: 'alone' | 'together'): Promise<void> {
  const lock = Prisma.raw(how === 'alone' ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared');
  await tx.$executeRaw`
    SELECT ${lock}(hashtext('llm_usage'), hashtext(current_schema())), set_config('enable_nestloop', 'off', true)`;
}

/**
 * Whoever only adds books when nobody else does: the sums of this hour are the same rows for all, and to wait for each of them in turn is
 * slower than to wait once. Until the transaction ends, so let only the booking come after it.
 */
export async function takeBooking(tx: Queryable): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('llm_usage_booking'), hashtext(current_schema()))`;
}

/** Requests by their ids. @param times between which the requests and the calls that they are known by were made. */
export function requestsOf(ids: readonly string[], times: { from: Date; to: Date }): Requests {
  const span = { from: new Date(times.from.getTime() - REQUEST_MARGIN_MS), to: new Date(times.to.getTime() + REQUEST_MARGIN_MS) };
  return { where: Prisma.sql`id = ANY (${[...ids]}) AND created_at BETWEEN ${span.from} AND ${span.to}`, span, ids };
}

/** @param change may add requests too. It must run with the turn taken `alone`. */
export async function changeBooked<T>(tx: Queryable, requests: Requests, change: (requests: Requests) => Promise<T>): Promise<T> {
  await book(tx, { ...requests, sign: -1 });
  const changed = await change(requests);
  await book(tx, { ...requests, sign: 1 });
  return changed;
}

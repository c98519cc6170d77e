/** The months, days and busy hours that sums are made for. */
import type { Queryable } from '../../connection/database.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface Span {
  from: Date;
  /** Not included. */
  to: Date;
}

/** @returns the whole months that a range touches: months are sums of days, so fewer cannot be rebuilt. */
export function wholeMonths({ from, to }: Span): Span {
  const last = new Date(to.getTime() - 1);
  return {
    from: new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth())),
    to: new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth() + 1)),
  };
}

/** Every month that a range touches, whole, oldest first. */
export function* monthsOf(range: Span): Generator<Span> {
  const { from, to } = wholeMonths(range);
  for (let month = from; month < to;) {
    const span = wholeMonths({ from: month, to: new Date(month.getTime() + 1) });
    yield span;
    month = span.to;
  }
}

/** @param span of whole days. */
export function* daysOf({ from, to }: Span): Generator<Span> {
  for (let at = from.getTime(); at < to.getTime(); at += DAY_MS) yield { from: new Date(at), to: new Date(at + DAY_MS) };
}

/** A statement of so many requests takes some seconds. */
const REQUESTS_A_STATEMENT = 50_000;

/** @returns the hours of a day that have requests, put together as far as a statement stays short, however busy the day was. */
export async function busyHours(tx: Queryable, { from, to }: Span): Promise<Span[]> {
  const hours = await tx.$queryRaw<{ hour: Date; requests: number }[]>`
    SELECT date_trunc('hour', created_at) AS hour, count(*)::float8 AS requests FROM llm_usage_logs
    WHERE created_at >= ${from} AND created_at < ${to} GROUP BY 1 ORDER BY 1`;
  const spans: (Span & { requests: number })[] = [];
  for (const { hour, requests } of hours) {
    const last = spans.at(-1);
    const next = new Date(hour.getTime() + HOUR_MS);
    if (last && last.requests + requests <= REQUESTS_A_STATEMENT)
      Object.assign(last, { to: next, requests: last.requests + requests });
    else spans.push({ from: hour, to: next, requests });
  }
  return spans;
}

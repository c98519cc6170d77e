/** The queries of usage and analytics. */
import { countBuckets, type UsageFilter } from '@llm-gateway/db';
import { wireName } from '@llm-gateway/shared';
import { z } from 'zod';
import { limitParam, pageQuery } from '../http/paging.js';
import { momentOrDay } from '../http/time.js';

const DEFAULT_SPAN_MS = 7 * 24 * 3_600_000;

export const filterFields = {
  from: momentOrDay.optional().describe('Default: 7 days before `to`. A day is its midnight in UTC.'),
  to: momentOrDay.optional().describe('Default: now. Not included itself: for the whole of a month, the first day of the next.'),
  service: wireName(64).optional(),
  customer_id: wireName(128).optional(),
  provider: wireName(40).optional(),
};

interface Span {
  from?: string | undefined;
  to?: string | undefined;
}

/** Times that are none have their own problem. */
export const inOrder = (span: Span): boolean => {
  const { from, to } = spanOf(span, Date.now());
  return !(from >= to);
};
export const ORDER = { path: ['from'], message: 'must be before to' };

export const summaryQuery = z.strictObject(filterFields).refine(inOrder, ORDER);
export const byQuery = z
  .strictObject({
    ...filterFields,
    sort: z.enum(['requests', 'cost_usd', 'errors', 'key']).prefault('requests'),
    limit: limitParam(50),
  })
  .refine(inOrder, ORDER);
export const unpricedQuery = z.strictObject({ ...filterFields, limit: limitParam(50) }).refine(inOrder, ORDER);

/** A chart's worth, with room for each minute of a day and each hour of twelve weeks. */
const MAX_BUCKETS = 2_048;

export const timeseriesQuery = z
  .strictObject({ ...filterFields, bucket: z.enum(['minute', 'hour', 'day']).prefault('hour') })
  .refine(inOrder, ORDER)
  .superRefine((query, context) => {
    const buckets = countBuckets(spanOf(query, Date.now()), query.bucket);
    if (!(buckets > MAX_BUCKETS)) return;
    const message = `from and to are ${buckets} ${query.bucket}s apart, at most ${MAX_BUCKETS} are answered: ask for a shorter span or a longer bucket`;
    context.addIssue({ code: 'custom', path: ['bucket'], message });
  });

export const logsQuery = z.strictObject({ ...filterFields, ...pageQuery }).refine(inOrder, ORDER);

/** @returns the rows that a query asks for, its span filled in. */
export function toFilter(query: z.output<typeof summaryQuery>): UsageFilter {
  const { from, to } = spanOf(query, Date.now());
  return {
    from,
    to,
    ...(query.service !== undefined && { service: query.service }),
    ...(query.customer_id !== undefined && { customerId: query.customer_id }),
    ...(query.provider !== undefined && { provider: query.provider }),
  };
}

function spanOf({ from, to }: Span, now: number): { from: Date; to: Date } {
  const end = to === undefined ? now : Date.parse(to);
  const start = from === undefined ? end - DEFAULT_SPAN_MS : Date.parse(from);
  return { from: new Date(start), to: new Date(end) };
}

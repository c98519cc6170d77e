import type { UsageFilter } from '@llm-gateway/db';
import { z } from 'zod';
import { filterFields, inOrder, ORDER, toFilter } from '../query.js';

const WEEK_MS = 7 * 24 * 3_600_000;

export const REPORT_TYPES = { json: 'application/json', csv: 'text/csv', markdown: 'text/markdown' } as const;
export type ReportFormat = keyof typeof REPORT_TYPES;

export const reportQuery = z
  .strictObject({
    ...filterFields,
    from: filterFields.from.describe('Default: a week before `to`, or the first of the UTC month in which the span ends.'),
    period: z.enum(['week', 'month']),
    format: z.enum(['json', 'csv', 'markdown']).optional().describe('Beats the header `Accept`; default `json`.'),
  })
  .refine(inOrder, ORDER);

type ReportQuery = z.output<typeof reportQuery>;

/** @returns the rows that a report is about; `to=2026-11-01T00:00:00Z` alone is the whole of October for `month`. */
export function reportFilter({ period, format: _format, ...query }: ReportQuery, now = Date.now()): UsageFilter {
  const to = query.to ?? new Date(now).toISOString();
  return toFilter({ ...query, to, from: query.from ?? periodStart(period, Date.parse(to)).toISOString() });
}

function periodStart(period: ReportQuery['period'], end: number): Date {
  if (period === 'week') return new Date(end - WEEK_MS);
  const last = new Date(end - 1);
  return new Date(Date.UTC(last.getUTCFullYear(), last.getUTCMonth(), 1));
}

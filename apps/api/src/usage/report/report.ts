/** The weekly status and the finance report, as data. */
import {
  atOneMoment,
  providerErrors,
  spendByServiceAndCustomer,
  usageBy,
  usageSummary,
  type Db,
  type UsageFigures,
  type UsageFilter,
} from '@llm-gateway/db';
import { z } from 'zod';

const TOP_CUSTOMERS = 5;
/** More than a company has of services times customers; the bound is for the memory of this process. */
const MAX_LINES = 10_000;

const span = { from: z.iso.datetime(), to: z.iso.datetime().describe('Not included.') };
const totals = {
  requests: z.int(),
  cost_usd: z.number(),
  saved_usd: z.number(),
  wasted_usd: z.number(),
  unpriced_requests: z.int(),
};

export const weekReport = z.object({
  period: z.literal('week'),
  ...span,
  ...totals,
  cache_hit_rate: z.number(),
  providers: z
    .array(z.object({ provider: z.string(), calls: z.int(), errors: z.int(), error_rate: z.number() }))
    .describe('By their calls: a call that failed counts although another provider answered.'),
  top_customers: z.array(z.object({ customer_id: z.string(), requests: z.int(), cost_usd: z.number() })),
});

export const monthReport = z.object({
  period: z.literal('month'),
  ...span,
  ...totals,
  lines: z.array(
    z.object({
      service: z.string(),
      customer_id: z.string().nullable(),
      requests: z.int(),
      cost_usd: z.number(),
      saved_usd: z.number(),
      wasted_usd: z.number(),
      unpriced_requests: z.int(),
    }),
  ),
  truncated: z.boolean().describe(`True where there are more than ${MAX_LINES} lines; the totals are of all.`),
});

export type WeekReport = z.output<typeof weekReport>;
export type MonthReport = z.output<typeof monthReport>;
export type Report = WeekReport | MonthReport;

/** Of one moment: its lines come to its totals also while requests come in. */
export const makeReport = (db: Db, period: Report['period'], filter: UsageFilter): Promise<Report> =>
  atOneMoment<Report>(db, (moment) => (period === 'week' ? makeWeek(moment, filter) : makeMonth(moment, filter)));

async function makeWeek(db: Db, filter: UsageFilter): Promise<WeekReport> {
  const summary = await usageSummary(db, filter);
  const providers = await providerErrors(db, filter);
  // One more, for requests without a customer, who are no customer.
  const customers = await usageBy(db, 'customer', filter, { sort: 'cost_usd', limit: TOP_CUSTOMERS + 1 });
  const top = customers.flatMap(({ key, requests, cost_usd }) =>
    key === null ? [] : [{ customer_id: key, requests, cost_usd }],
  );
  return {
    period: 'week',
    ...spanOf(filter),
    ...totalsOf(summary),
    cache_hit_rate: summary.cache_hit_rate,
    providers,
    top_customers: top.slice(0, TOP_CUSTOMERS),
  };
}

async function makeMonth(db: Db, filter: UsageFilter): Promise<MonthReport> {
  const summary = await usageSummary(db, filter);
  const lines = await spendByServiceAndCustomer(db, filter, MAX_LINES + 1);
  return {
    period: 'month',
    ...spanOf(filter),
    ...totalsOf(summary),
    lines: lines.slice(0, MAX_LINES),
    truncated: lines.length > MAX_LINES,
  };
}

const spanOf = ({ from, to }: UsageFilter) => ({ from: from.toISOString(), to: to.toISOString() });

const totalsOf = ({ requests, cost_usd, saved_usd, wasted_usd, unpriced_requests }: UsageFigures) => ({
  requests,
  cost_usd,
  saved_usd,
  wasted_usd,
  unpriced_requests,
});

/** A report as one table, the common ground of its CSV and its Markdown. */
import type { MonthReport, Report, WeekReport } from './report.js';

export interface ReportTable {
  columns: readonly string[];
  rows: readonly (readonly (string | number | null)[])[];
}

/** Never in exponents, which people misread and some sheets mistake for text. */
export const usd = (amount: number): string => amount.toFixed(9);
export const rate = (share: number): string => share.toFixed(4);

export const reportTable = (report: Report): ReportTable => (report.period === 'week' ? weekTable(report) : monthTable(report));

/** One figure a row, because a week's figures have no columns in common. */
function weekTable(week: WeekReport): ReportTable {
  const total = (figure: string, value: string | number) => ['total', null, figure, value];
  return {
    columns: ['section', 'name', 'figure', 'value'],
    rows: [
      total('requests', week.requests),
      total('cost_usd', usd(week.cost_usd)),
      total('saved_usd', usd(week.saved_usd)),
      total('wasted_usd', usd(week.wasted_usd)),
      total('unpriced_requests', week.unpriced_requests),
      total('cache_hit_rate', rate(week.cache_hit_rate)),
      ...week.providers.flatMap(({ provider, calls, errors, error_rate }) => [
        ['provider', provider, 'calls', calls],
        ['provider', provider, 'errors', errors],
        ['provider', provider, 'error_rate', rate(error_rate)],
      ]),
      ...week.top_customers.flatMap(({ customer_id, requests, cost_usd }) => [
        ['customer', customer_id, 'requests', requests],
        ['customer', customer_id, 'cost_usd', usd(cost_usd)],
      ]),
    ],
  };
}

const monthTable = ({ lines }: MonthReport): ReportTable => ({
  columns: ['service', 'customer_id', 'requests', 'cost_usd', 'saved_usd', 'unpriced_requests'],
  rows: lines.map((line) => [
    line.service,
    line.customer_id,
    line.requests,
    usd(line.cost_usd),
    usd(line.saved_usd),
    line.unpriced_requests,
  ]),
});

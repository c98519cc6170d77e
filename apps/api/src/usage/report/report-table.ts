/** A report as one table, the common ground of its CSV and its Markdown. */
import { NANO_PER_USD } from '@llm-gateway/shared';
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

const monthTable = (month: MonthReport): ReportTable => ({
  // Add at the end only, because people's sheets go by position.
  columns: ['service', 'customer_id', 'requests', 'cost_usd', 'saved_usd', 'unpriced_requests', 'wasted_usd'],
  rows: (month.truncated ? [...month.lines, restOf(month)] : month.lines).map((line) => [
    line.service,
    line.customer_id,
    line.requests,
    usd(line.cost_usd),
    usd(line.saved_usd),
    line.unpriced_requests,
    usd(line.wasted_usd),
  ]),
});

/** What the lines leave out, as a line of its own: a sheet that adds them up must come to the total. */
function restOf(month: MonthReport): MonthReport['lines'][number] {
  const { lines } = month;
  const rest = (figure: 'requests' | 'cost_usd' | 'saved_usd' | 'wasted_usd' | 'unpriced_requests', scale = 1): number =>
    Math.round(lines.reduce((left, line) => left - Math.round(line[figure] * scale), Math.round(month[figure] * scale))) / scale;
  return {
    service: '(all others)',
    customer_id: null,
    requests: rest('requests'),
    cost_usd: rest('cost_usd', NANO_PER_USD),
    saved_usd: rest('saved_usd', NANO_PER_USD),
    wasted_usd: rest('wasted_usd', NANO_PER_USD),
    unpriced_requests: rest('unpriced_requests'),
  };
}

import type { MonthReport, Report, WeekReport } from './report.js';
import { reportTable, usd } from './report-table.js';

type Cell = string | number | null;

/** A report to paste into a page or a chat. Names that callers chose cannot break out of their cells. */
export function reportMarkdown(report: Report): string {
  const title = report.period === 'week' ? 'LLM usage: weekly status' : 'LLM usage: cost by service and customer';
  const body = report.period === 'week' ? weekParts(report) : monthParts(report);
  return [`# ${title}`, `${report.from} to ${report.to}`, ...totals(report), ...body].join('\n\n') + '\n';
}

const totals = (report: Report): string[] => [
  [
    `- Requests: ${report.requests}`,
    `- Cost: ${usd(report.cost_usd)} USD, of which attempts without an answer ${usd(report.wasted_usd)} USD`,
    `- Saved by the cache: ${usd(report.saved_usd)} USD`,
    `- Requests without a price, in no cost: ${report.unpriced_requests}`,
    ...(report.period === 'week' ? [`- Cache hit rate: ${percent(report.cache_hit_rate)}`] : []),
  ].join('\n'),
];

const weekParts = (week: WeekReport): string[] => [
  '## Error rate by provider',
  table(
    ['provider', 'calls', 'errors', 'error rate'],
    week.providers.map(({ provider, calls, errors, error_rate }) => [provider, calls, errors, percent(error_rate)]),
  ),
  '## Top customers by cost',
  table(
    ['customer', 'requests', 'cost (USD)'],
    week.top_customers.map(({ customer_id, requests, cost_usd }) => [customer_id, requests, usd(cost_usd)]),
  ),
];

function monthParts(month: MonthReport): string[] {
  const { columns, rows } = reportTable(month);
  return [
    table(columns, rows),
    ...(month.truncated ? [`Only the first ${rows.length - 1} lines one by one; the last is of all others.`] : []),
  ];
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;

function table(columns: readonly string[], rows: readonly (readonly Cell[])[]): string {
  if (rows.length === 0) return 'None.';
  const line = (cells: readonly Cell[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

const cell = (value: Cell): string =>
  String(value ?? '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[\\|`*_[\]<>&!~#]/g, (mark) => `\\${mark}`);

import { usageExport, type Db, type UsageExportRow, type UsageFilter } from '@llm-gateway/db';
import { csvLine, type CsvValue } from '../http/csv.js';

const asIs = <Name extends keyof UsageExportRow>(name: Name) => [name, (row: UsageExportRow) => row[name]] as const;

/** The file's columns, in their order: add at the end only, because people's sheets go by position. */
const COLUMNS: readonly (readonly [string, (row: UsageExportRow) => CsvValue])[] = [
  asIs('id'),
  asIs('created_at'),
  asIs('service'),
  asIs('customer_id'),
  asIs('key_id'),
  asIs('provider'),
  asIs('provider_type'),
  asIs('model'),
  asIs('status'),
  asIs('error_code'),
  asIs('cache_status'),
  asIs('finish_reason'),
  asIs('uncached_input_tokens'),
  asIs('cache_read_tokens'),
  asIs('cache_write_tokens'),
  asIs('cache_write_1h_tokens'),
  asIs('output_tokens'),
  asIs('reasoning_tokens'),
  asIs('cost_usd'),
  asIs('unpriced_reason'),
  asIs('saved_usd'),
  asIs('latency_ms'),
  asIs('queue_ms'),
  asIs('attempt_count'),
  asIs('client_gone'),
  asIs('related_to'),
  ['metadata', (row) => JSON.stringify(row.metadata)],
  asIs('wasted_usd'),
];

const HEADER = csvLine(COLUMNS.map(([name]) => name));

/** The rows as a CSV file, oldest first, a batch of lines a chunk; the header comes with the first batch, or alone where there is none. */
export async function* exportCsv(db: Db, filter: UsageFilter): AsyncGenerator<string, void, undefined> {
  let header = HEADER;
  for await (const rows of usageExport(db, filter)) {
    yield header + rows.map((row) => csvLine(COLUMNS.map(([, value]) => value(row)))).join('');
    header = '';
  }
  if (header) yield header;
}

/** As a browser saves it: the span is in the file's name. */
export function exportHeaders({ from, to }: UsageFilter): Record<string, string> {
  const name = `usage-${from.toISOString().slice(0, 10)}-${to.toISOString().slice(0, 10)}.csv`;
  return { 'Content-Type': 'text/csv; charset=utf-8; header=present', 'Content-Disposition': `attachment; filename="${name}"` };
}

/** The shapes of vendors' usage and cost exports, as data: a new one is an entry here. */
import type { InvoiceLine, InvoiceRow } from './invoice-line.js';

export interface InvoiceFormat {
  name: string;
  /** A file with all of these is of this kind. */
  columns: readonly string[];
  /** @returns null for a row that says nothing. @throws Error that names the column. */
  read: (row: InvoiceRow) => InvoiceLine | null;
}

const TOKENS_ONLY = { costNanoUsd: null, roundingNanoUsd: 0 };
const COST_ONLY = { inputTokens: null, outputTokens: null };
/** Anthropic's cost export gives each line in whole cents. */
const HALF_A_CENT = 5_000_000;

export const FORMATS: readonly InvoiceFormat[] = [
  {
    // Usage page, activity, grouped by model. Input includes what was cached. A bucket without usage has only its times.
    name: 'OpenAI usage',
    columns: ['start_time_iso', 'input_tokens', 'output_tokens', 'model'],
    read: (row) =>
      row.isEmpty('model', 'input_tokens', 'output_tokens')
        ? null
        : {
            day: row.day('start_time_iso'),
            model: modelOf(row, 'model', 'the model: export it grouped by model'),
            inputTokens: row.tokens('input_tokens'),
            outputTokens: row.tokens('output_tokens'),
            ...TOKENS_ONLY,
          },
  },
  {
    // Usage page, costs, grouped by line item: "gpt-4o-mini-2024-07-18, input".
    name: 'OpenAI costs',
    columns: ['start_time_iso', 'amount_value', 'line_item'],
    read: (row) => {
      if (row.isEmpty('amount_value')) return null;
      if (!['usd', ''].includes(row.text('amount_currency').toLowerCase())) throw row.fault('amount_currency', 'USD');
      const item = modelOf(row, 'line_item', 'the line item: export it grouped by line item');
      const model = item.includes(',') ? item.slice(0, item.lastIndexOf(',')) : item;
      return { day: row.day('start_time_iso'), model, ...COST_ONLY, costNanoUsd: row.cost('amount_value'), roundingNanoUsd: 0 };
    },
  },
  {
    // Console, usage. Its kinds of input exclude each other. Before there were 1-hour writes, one column had all of them.
    name: 'Anthropic usage',
    columns: ['usage_date_utc', 'model_version', 'usage_input_tokens_no_cache', 'usage_output_tokens'],
    read: (row) => ({
      day: row.day('usage_date_utc'),
      model: modelOf(row, 'model_version', 'the model'),
      inputTokens: row.tokens(
        'usage_input_tokens_no_cache',
        'usage_input_tokens_cache_write',
        'usage_input_tokens_cache_write_5m',
        'usage_input_tokens_cache_write_1h',
        'usage_input_tokens_cache_read',
      ),
      outputTokens: row.tokens('usage_output_tokens'),
      ...TOKENS_ONLY,
    }),
  },
  {
    // Console, costs. What is no model's (web searches, code execution) stands under the name of its kind.
    name: 'Anthropic costs',
    columns: ['usage_date_utc', 'model', 'token_type', 'cost_usd'],
    read: (row) => ({
      day: row.day('usage_date_utc'),
      model: row.text('model') || row.text('cost_type') || 'no model',
      ...COST_ONLY,
      costNanoUsd: row.cost('cost_usd'),
      roundingNanoUsd: HALF_A_CENT,
    }),
  },
  {
    name: 'plain',
    columns: ['date', 'model', 'input_tokens', 'output_tokens', 'cost'],
    read: (row) => ({
      day: row.day('date'),
      model: modelOf(row, 'model', 'the model'),
      inputTokens: row.tokens('input_tokens'),
      outputTokens: row.tokens('output_tokens'),
      costNanoUsd: row.cost('cost'),
      roundingNanoUsd: 0,
    }),
  },
];

function modelOf(row: InvoiceRow, column: string, expected: string): string {
  if (row.isEmpty(column)) throw row.fault(column, expected);
  return row.text(column);
}

/** What is recorded of a budget's spend: the truth that its counters in Redis are held against. */
import type { Budget, NanoUsd } from '@llm-gateway/shared';
import { query, type Db } from '../connection/database.js';
import { sumsOf } from '../usage/rollups/sums-of.js';

export interface SpendSpan {
  /** Epoch ms. */
  from: number;
  /** Epoch ms, not included. */
  before: number;
}

export interface RecordedSpend {
  /** What the requests of the span have cost, as far as their calls have a price. */
  costNanoUsd: NanoUsd;
  /** Which of the asked-for requests have a row, and so are in the sum. */
  recorded: string[];
}

/**
 * Sums what a budget's requests have cost that arrived in a span: from the rollups, and from rows at its end.
 * @param among requests of that span. Sum and answer are of one moment, for they are one statement: a request is in both or in neither.
 */
export async function recordedSpend(
  db: Db,
  { scope, customerId, service }: Pick<Budget, 'scope' | 'customerId' | 'service'>,
  span: SpendSpan,
  among: readonly string[] = [],
): Promise<RecordedSpend> {
  const [from, to] = [new Date(span.from), new Date(span.before)];
  if (from >= to) return { costNanoUsd: 0, recorded: [] };
  const whose = scope === 'customer' ? { customerId: customerId ?? '' } : scope === 'service' ? { service: service ?? '' } : {};
  const [row] = await query(
    db,
    (client) => client.$queryRaw<RecordedSpend[]>`
      SELECT (SELECT coalesce(sum(cost_nano_usd), 0)::float8 FROM (${sumsOf({ filter: { from, to, ...whose }, by: [] })}) AS sums) AS "costNanoUsd",
        ARRAY(SELECT id FROM llm_usage_logs WHERE id = ANY (${[...among]}) AND created_at >= ${from} AND created_at < ${to}) AS recorded`,
  );
  return row ?? { costNanoUsd: 0, recorded: [] };
}

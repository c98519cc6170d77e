/** What the rows say of a budget: the truth that its counters in Redis are held against. */
import type { Budget, NanoUsd } from '@llm-gateway/shared';
import { query, type Db } from '../connection/database.js';
import { Prisma } from '../generated/client.js';

export interface SpendSpan {
  /** Epoch ms. */
  from: number;
  /** Epoch ms, not included. */
  before: number;
}

export interface RecordedSpend {
  /** What the requests of the span have cost; those of unknown price count nothing. */
  costNanoUsd: NanoUsd;
  /** Which of the asked-for requests have a row, and so are in the sum. */
  recorded: string[];
}

/**
 * Sums the rows of a budget's requests that arrived in a span.
 * @param among requests of that span. Sum and answer are of one moment, for they are one statement: a request is in both or in neither.
 */
export async function recordedSpend(
  db: Db,
  budget: Pick<Budget, 'scope' | 'customerId' | 'service'>,
  { from, before }: SpendSpan,
  among: readonly string[] = [],
): Promise<RecordedSpend> {
  const [start, end] = [new Date(from), new Date(before)];
  const [row] = await query(
    db,
    (client) => client.$queryRaw<RecordedSpend[]>`
      SELECT
        (SELECT coalesce(sum(cost_usd) * 1000000000, 0)::float8 FROM llm_usage_logs
          WHERE created_at >= ${start} AND created_at < ${end} AND ${spentBy(budget)}) AS "costNanoUsd",
        ARRAY(SELECT id FROM llm_usage_logs
          WHERE id = ANY (${[...among]}) AND created_at >= ${start} AND created_at < ${end}) AS recorded`,
  );
  return row ?? { costNanoUsd: 0, recorded: [] };
}

function spentBy({ scope, customerId, service }: Pick<Budget, 'scope' | 'customerId' | 'service'>): Prisma.Sql {
  if (scope === 'customer') return Prisma.sql`customer_id = ${customerId}`;
  return scope === 'service' ? Prisma.sql`service = ${service}` : Prisma.sql`true`;
}

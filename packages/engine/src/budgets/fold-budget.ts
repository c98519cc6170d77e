import { recordedSpend, type Db } from '@llm-gateway/db';
import type { BudgetLedger, BudgetSpan } from '@llm-gateway/queue';
import type { Budget } from '@llm-gateway/shared';

/** Longer than nearly all requests take from their arrival to their row. One that takes longer is counted right all the same, by a later fold. */
const REMEMBER_MS = 120_000;
const CHUNK = 5_000;

/**
 * Holds a budget's counters against the rows: the requests up to two minutes ago are counted from the database anew, whatever Redis had.
 * Of those that Redis remembers, the ones that have a row are forgotten; the others are money that is not recorded yet, and stay.
 * The sum and who is in it come from one statement, and an entry that has changed meanwhile stays too: should this run beside a settlement,
 * a cost may count twice until the next fold, never not at all.
 */
export async function foldBudget(
  { ledger, db }: { ledger: BudgetLedger; db: Db },
  budget: Budget,
  span: BudgetSpan,
): Promise<void> {
  const { startsAt, endsAt } = span.window;
  const horizon = Math.min(Date.now() - REMEMBER_MS, endsAt);
  for (let kept = 0; ;) {
    const [standing] = await ledger.look([span]);
    if (!standing) return;
    const boundary = Math.max(standing.before, horizon);
    const old = await ledger.remembered(span, boundary, { offset: kept, limit: CHUNK });
    const last = old.at(-1);
    const isLast = old.length < CHUNK || !last;
    const before = isLast ? boundary : Math.max(standing.before, last.createdAt + 1);
    const ids = old.map(({ requestId }) => requestId);
    const { costNanoUsd, recorded } = await recordedSpend(db, budget, { from: startsAt, before }, ids);
    const inRows = new Set(recorded);
    const included = old.filter(({ requestId }) => inRows.has(requestId));
    if (!(await ledger.fold(span, { folds: standing.folds, spentNanoUsd: costNanoUsd, before, included })) || isLast) return;
    kept += old.length - included.length;
  }
}

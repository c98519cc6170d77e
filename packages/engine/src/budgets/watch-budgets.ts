/** Looks after the budgets: raises alerts, begins windows, holds the counters against the rows. Runs in every worker, one of which has its turn at a time. */
import { raiseAlert, type Db } from '@llm-gateway/db';
import type { BudgetLedger, BudgetSpan, Standing } from '@llm-gateway/queue';
import { windowAt, type Budget, type ConfigSnapshot, type Logger } from '@llm-gateway/shared';
import { spanOf, type BudgetBook } from './budget-book.js';
import { dueThresholds } from './due-thresholds.js';
import { foldBudget } from './fold-budget.js';

const EVERY_MS = 1_000;
/** Costs come in for this long after their window's end, and may be the ones that reach a threshold. */
const LOOK_BACK_MS = 15 * 60_000;
const FOLD_EVERY_MS = 30_000;
/** With nothing remembered only the rows themselves can have changed, as by a re-pricing. */
const FOLD_IDLE_EVERY_MS = 600_000;
/** The next window is begun this long ahead, so that its first request needs no database. */
const AHEAD_MS = 3_600_000;
const BATCH = 200;

export interface BudgetWatchDeps {
  instanceId: string;
  ledger: BudgetLedger;
  book: BudgetBook;
  db: Db;
  current: () => ConfigSnapshot;
  logger: Logger;
}

/** @returns a function that stops it. */
export function startBudgetWatch(deps: BudgetWatchDeps): () => void {
  let raised: Raised = new Set();
  let busy = false;
  let reported = false;
  const look = async (): Promise<void> => {
    if (busy || deps.current().budgets.length === 0) return;
    busy = true;
    try {
      await deps.ledger.inTurn(deps.instanceId, async () => {
        raised = await round(deps, raised);
      });
      reported = false;
    } catch (error) {
      if (!reported) deps.logger.warn({ err: error }, 'budgets could not be looked after, trying again');
      reported = true;
    } finally {
      busy = false;
    }
  };
  const timer = setInterval(() => void look(), EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** What this process knows to be raised, so that it need not ask the database every second. */
type Raised = ReadonlySet<string>;

interface Watched {
  budget: Budget;
  span: BudgetSpan;
  at: number;
}

/** @returns what is known to be raised now, without windows that are over: a day's would add up to years of memory. */
async function round(deps: BudgetWatchDeps, raised: Raised): Promise<Raised> {
  const now = Date.now();
  const still = new Set<string>();
  const watched = deps.current().budgets.flatMap((budget) => windowsOf(budget, now));
  for (let from = 0; from < watched.length; from += BATCH) {
    const batch = watched.slice(from, from + BATCH);
    const standings = await deps.ledger.look(batch.map(({ span }) => span));
    for (const [index, each] of batch.entries()) {
      for (const key of await lookAfter(deps, each, { standing: standings[index] ?? null, raised })) still.add(key);
    }
  }
  return still;
}

/** The present window, the one before while costs may come in for it, the next one when it is near. */
function windowsOf(budget: Budget, now: number): Watched[] {
  const moments = [now, now - LOOK_BACK_MS, now + AHEAD_MS];
  const byName = new Map(moments.map((at) => [windowAt(budget.window, at).name, at]));
  return [...byName.values()].map((at) => ({ budget, at, span: spanOf(budget, at) }));
}

async function lookAfter(
  deps: BudgetWatchDeps,
  { budget, span, at }: Watched,
  { standing, raised }: { standing: Standing | null; raised: Raised },
): Promise<string[]> {
  if (!standing) {
    await deps.book.open(budget, at);
    return [];
  }
  const reached: string[] = [];
  for (const due of dueThresholds(budget, standing)) {
    const key = [budget.id, span.window.name, due.limit, due.threshold].join('/');
    reached.push(key);
    if (raised.has(key)) continue;
    const alert = { budget, window: span.window, ...due, spentNanoUsd: standing.spentNanoUsd };
    if (await raiseAlert(deps.db, alert)) {
      deps.logger.warn(
        { budgetId: budget.id, window: span.window.name, limit: due.limit, threshold: due.threshold },
        'budget alert raised',
      );
    }
  }
  const age = Date.now() - standing.foldedAt;
  if (span.window.startsAt <= Date.now() && age >= (standing.remembered > 0 ? FOLD_EVERY_MS : FOLD_IDLE_EVERY_MS))
    await foldBudget(deps, budget, span);
  return reached;
}

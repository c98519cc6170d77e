/** Requests and their money: reserved before the call, settled with what it really cost, in every budget that the request counts in. */
import { recordedSpend, type Db } from '@llm-gateway/db';
import type { BudgetLedger, BudgetSpan, Reservation, SettledCost, Standing } from '@llm-gateway/queue';
import {
  budgetName,
  GatewayError,
  RETRY_AFTER_MS,
  windowAt,
  type Budget,
  type ConfigSnapshot,
  type NanoUsd,
  type Spender,
} from '@llm-gateway/shared';
import { matchingBudgets } from './matching-budgets.js';

/** A reservation outlives its request's deadline by this: longer than the reaper takes to end a request that nobody else has. */
const HOLD_SLACK_MS = 60_000;

/** A request, as far as budgets care. */
export interface SpendingRequest extends Spender {
  id: string;
  /** Epoch ms: the window that it counts in. */
  createdAt: number;
  /** Epoch ms. */
  deadline: number;
}

/** What a request has cost, as far as its calls have a price. */
export interface RequestCost extends Spender, SettledCost {}

/** Hard budgets cannot be asked: Redis is out of reach, or has lost its counters while the database is. */
export class BudgetsUnavailable extends GatewayError {
  constructor(cause: unknown) {
    super('unavailable', 'the budgets of this request cannot be checked, try again', { retryAfterMs: RETRY_AFTER_MS, cause });
  }
}

interface BookOptions {
  ledger: BudgetLedger;
  db: Db;
  current: () => ConfigSnapshot;
}

export class BudgetBook {
  readonly #ledger: BudgetLedger;
  readonly #db: Db;
  readonly #current: () => ConfigSnapshot;

  constructor({ ledger, db, current }: BookOptions) {
    this.#ledger = ledger;
    this.#db = db;
    this.#current = current;
  }

  /**
   * Sets the estimated cost aside in every hard budget of the request, or in none. Again for the same request is once.
   * @param estimate asked only where there is a hard budget.
   * @throws GatewayError budget_exceeded; BudgetsUnavailable.
   */
  async reserve(request: SpendingRequest, estimate: () => NanoUsd): Promise<void> {
    const hard = this.#hardBudgets(request);
    if (hard.length === 0) return;
    const amount = estimate();
    const replies = await Promise.allSettled(
      hard.map(({ budget, limit }) => this.#reserveIn(budget, limit, { request, amount })),
    );
    const refusedAt = replies.findIndex((reply) => reply.status === 'fulfilled' && reply.value.kind !== 'reserved');
    const failed = replies.find((reply) => reply.status === 'rejected');
    if (refusedAt < 0 && !failed) return;
    // Also where the answer was lost, for the reservation may be there. What cannot be given back now ends with its time.
    await this.release(request).catch(() => undefined);
    const refused = hard[refusedAt]?.budget;
    if (refused) throw exceeded(refused, request.createdAt);
    throw new BudgetsUnavailable(failed?.reason);
  }

  /** Can this request be carried out only where its budgets can be asked? */
  isHardLimited(request: Spender): boolean {
    return this.#hardBudgets(request).length > 0;
  }

  /** Gives back what was set aside for a request that did not come to its call. */
  async release(request: SpendingRequest): Promise<void> {
    await Promise.all(
      this.#hardBudgets(request).map(({ budget }) => this.#ledger.release(spanOf(budget, request.createdAt), request.id)),
    );
  }

  /**
   * Counts what requests have cost, and ends their reservations. Any number of times and in any order: the last word of the database holds.
   * @param source `reckoned` from a request's attempts as it ends, or `recorded`: read from its row after the commit.
   */
  async settle(source: 'reckoned' | 'recorded', costs: readonly RequestCost[]): Promise<void> {
    const snapshot = this.#current();
    if (snapshot.budgets.length === 0) return;
    const groups = new Map<string, { span: BudgetSpan; costs: SettledCost[] }>();
    for (const cost of costs) {
      for (const budget of matchingBudgets(snapshot, cost)) {
        const span = spanOf(budget, cost.createdAt);
        const key = `${budget.id}/${span.window.name}`;
        const group = groups.get(key) ?? { span, costs: [] };
        groups.set(key, group);
        group.costs.push({ requestId: cost.requestId, createdAt: cost.createdAt, costNanoUsd: cost.costNanoUsd });
      }
    }
    await Promise.all([...groups.values()].map((group) => this.#ledger.settle(group.span, source, group.costs)));
  }

  /** @returns how budgets stand in the window of `at` (epoch ms), in their order. Without Redis: what the rows say, and nothing of reservations. */
  async standings(budgets: readonly Budget[], at: number): Promise<Pick<Standing, 'spentNanoUsd' | 'reservedNanoUsd'>[]> {
    const known = await this.#ledger.look(budgets.map((budget) => spanOf(budget, at))).catch(() => []);
    return Promise.all(
      budgets.map(async (budget, index) => {
        const standing = known[index];
        return (
          standing ?? {
            spentNanoUsd: (await recordedSpend(this.#db, budget, wholeWindow(budget, at))).costNanoUsd,
            reservedNanoUsd: 0,
          }
        );
      }),
    );
  }

  /** Tells Redis of a window that it knows nothing of: it is new, or Redis has lost it. @throws GatewayError unavailable without the database. */
  async open(budget: Budget, at: number): Promise<void> {
    const span = spanOf(budget, at);
    const { startsAt, endsAt } = span.window;
    const before = Math.max(startsAt, Math.min(Date.now(), endsAt));
    // Nothing can have been spent in a window that is yet to begin: that is known without the database.
    const { costNanoUsd } =
      before === startsAt ? { costNanoUsd: 0 } : await recordedSpend(this.#db, budget, { from: startsAt, before });
    await this.#ledger.open(span, costNanoUsd, before);
  }

  #hardBudgets(spender: Spender): { budget: Budget; limit: NanoUsd }[] {
    return matchingBudgets(this.#current(), spender).flatMap((budget) =>
      budget.hardLimitNanoUsd === null ? [] : [{ budget, limit: budget.hardLimitNanoUsd }],
    );
  }

  async #reserveIn(
    budget: Budget,
    limitNanoUsd: NanoUsd,
    { request, amount }: { request: SpendingRequest; amount: NanoUsd },
  ): Promise<Reservation> {
    const span = spanOf(budget, request.createdAt);
    const holdMs = Math.max(0, request.deadline - Date.now()) + HOLD_SLACK_MS;
    const hold = { requestId: request.id, amountNanoUsd: amount, holdMs, limitNanoUsd };
    let reply = await this.#ledger.reserve(span, hold);
    if (reply.kind === 'unopened') {
      await this.open(budget, request.createdAt);
      reply = await this.#ledger.reserve(span, hold);
    }
    if (reply.kind === 'unopened') throw new Error('redis lost a budget again as soon as it was told of it');
    return reply;
  }
}

export const spanOf = (budget: Budget, at: number): BudgetSpan => ({ budgetId: budget.id, window: windowAt(budget.window, at) });

function wholeWindow(budget: Budget, at: number) {
  const { startsAt, endsAt } = windowAt(budget.window, at);
  return { from: startsAt, before: endsAt };
}

/** Without amounts: whoever may ask a model need not know what all others have spent. Administrators read them at the budget itself. */
function exceeded(budget: Budget, at: number): GatewayError {
  const resetsAt = new Date(windowAt(budget.window, at).endsAt).toISOString();
  return new GatewayError('budget_exceeded', `${budgetName(budget)} would be passed; it begins anew at ${resetsAt}`);
}

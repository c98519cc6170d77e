/** The counters of budgets in Redis: what is reserved and what is spent, exact under any number of replicas. */
import type { Redis } from 'ioredis';
import type { NanoUsd, WindowSpan } from '@llm-gateway/shared';
import { keys } from '../keys.js';
import { RELEASE } from '../request/scripts.js';
import { FOLD_BUDGET, LOOK_AT_BUDGET, OPEN_BUDGET, RELEASE_BUDGET, RESERVE_BUDGET, SETTLE_BUDGET } from './scripts.js';

/** Counters stay this long after their window, for costs that come in late. */
const KEEP_MS = 2 * 86_400_000;
/** Longer than a round over all budgets takes. */
const TURN_MS = 30_000;

/** One budget in one of its windows. */
export interface BudgetSpan {
  budgetId: string;
  window: WindowSpan;
}

export interface Reservation {
  /** `unopened`: Redis knows nothing of this window, and must be told first. */
  kind: 'reserved' | 'refused' | 'unopened';
  spentNanoUsd: NanoUsd;
  reservedNanoUsd: NanoUsd;
}

export interface Standing {
  spentNanoUsd: NanoUsd;
  reservedNanoUsd: NanoUsd;
  /** The limit has refused a request because of what is spent. */
  refused: boolean;
  folds: number;
  /** Epoch ms of the last fold; 0: never. */
  foldedAt: number;
  /** Epoch ms: requests that arrived before it are counted from the database. */
  before: number;
  /** Requests that are remembered one by one. */
  remembered: number;
}

export interface SettledCost {
  requestId: string;
  /** Epoch ms. */
  createdAt: number;
  costNanoUsd: NanoUsd;
}

export interface Remembered {
  requestId: string;
  createdAt: number;
  /** As it stands in Redis, to be compared before it is dropped. */
  entry: string;
}

type Args = (string | number)[];
interface ScriptedRedis extends Redis {
  lgwOpenBudget(...args: Args): Promise<number>;
  lgwReserveBudget(...args: Args): Promise<[number, number, number]>;
  lgwReleaseBudget(...args: Args): Promise<number>;
  lgwSettleBudget(...args: Args): Promise<number>;
  lgwLookAtBudget(...args: Args): Promise<number[]>;
  lgwFoldBudget(...args: Args): Promise<number>;
  lgwRelease(key: string, value: string): Promise<number>;
}

export class BudgetLedger {
  readonly #redis: ScriptedRedis;

  constructor(redis: Redis) {
    const define = (name: string, lua: string) => redis.defineCommand(name, { numberOfKeys: 5, lua });
    define('lgwOpenBudget', OPEN_BUDGET);
    define('lgwReserveBudget', RESERVE_BUDGET);
    define('lgwReleaseBudget', RELEASE_BUDGET);
    define('lgwSettleBudget', SETTLE_BUDGET);
    define('lgwLookAtBudget', LOOK_AT_BUDGET);
    define('lgwFoldBudget', FOLD_BUDGET);
    redis.defineCommand('lgwRelease', { numberOfKeys: 1, lua: RELEASE });
    this.#redis = redis as ScriptedRedis;
  }

  /** Tells Redis what was spent by requests that arrived before `before` (epoch ms). @returns false when it knew. */
  async open(span: BudgetSpan, spentNanoUsd: NanoUsd, before: number): Promise<boolean> {
    return (await this.#redis.lgwOpenBudget(...keysOf(span), spentNanoUsd, before, span.window.endsAt + KEEP_MS)) === 1;
  }

  /** @param hold how much is set aside for which request, for how long at most, within which limit. */
  async reserve(
    span: BudgetSpan,
    hold: { requestId: string; amountNanoUsd: NanoUsd; holdMs: number; limitNanoUsd: NanoUsd },
  ): Promise<Reservation> {
    const { requestId, amountNanoUsd, holdMs, limitNanoUsd } = hold;
    const reply = await this.#redis.lgwReserveBudget(...keysOf(span), requestId, amountNanoUsd, holdMs, limitNanoUsd);
    const [answer, spentNanoUsd, reservedNanoUsd] = reply;
    return { kind: answer === 1 ? 'reserved' : answer === 0 ? 'refused' : 'unopened', spentNanoUsd, reservedNanoUsd };
  }

  /** Gives back what was set aside for a request that did not come to its call. */
  async release(span: BudgetSpan, requestId: string): Promise<void> {
    await this.#redis.lgwReleaseBudget(...keysOf(span), requestId);
  }

  /** @param source `reckoned` by who made the calls, or `recorded` in the database, which is the last word. */
  async settle(span: BudgetSpan, source: 'reckoned' | 'recorded', costs: readonly SettledCost[]): Promise<void> {
    const triples = costs.flatMap(({ requestId, createdAt, costNanoUsd }) => [requestId, createdAt, costNanoUsd]);
    await this.#redis.lgwSettleBudget(...keysOf(span), source === 'recorded' ? 'f' : 'p', ...triples);
  }

  /** @returns how each stands, in the order asked; null where Redis knows nothing of it. */
  async look(spans: readonly BudgetSpan[]): Promise<(Standing | null)[]> {
    return Promise.all(spans.map(async (span) => toStanding(await this.#redis.lgwLookAtBudget(...keysOf(span)))));
  }

  /** @returns remembered requests that arrived before `before` (epoch ms), oldest first. */
  async remembered(span: BudgetSpan, before: number, page: { offset: number; limit: number }): Promise<Remembered[]> {
    const { settled, when } = keys.budget(span.budgetId, span.window.name);
    const range = await this.#redis.zrangebyscore(when, '-inf', `(${before}`, 'WITHSCORES', 'LIMIT', page.offset, page.limit);
    const ids = range.filter((_, index) => index % 2 === 0);
    if (ids.length === 0) return [];
    const entries = await this.#redis.hmget(settled, ...ids);
    return ids.flatMap((requestId, index) => {
      const entry = entries[index];
      return entry == null ? [] : [{ requestId, createdAt: Number(range[2 * index + 1]), entry }];
    });
  }

  /**
   * Moves the boundary to `before`: requests from before it are counted by `spentNanoUsd`, which holds the `included` ones.
   * @param folds as it stood before `spentNanoUsd` was read. @returns false when somebody else has folded since: nothing was changed.
   */
  async fold(
    span: BudgetSpan,
    fold: { folds: number; spentNanoUsd: NanoUsd; before: number; included: readonly Remembered[] },
  ): Promise<boolean> {
    const pairs = fold.included.flatMap(({ requestId, entry }) => [requestId, entry]);
    return (await this.#redis.lgwFoldBudget(...keysOf(span), fold.folds, fold.spentNanoUsd, fold.before, ...pairs)) === 1;
  }

  /** Runs `round` unless another process is at it. One that dies is waited for, but not for long. */
  async inTurn(owner: string, round: () => Promise<void>): Promise<void> {
    if ((await this.#redis.set(keys.budgetTurn, owner, 'PX', TURN_MS, 'NX')) === null) return;
    try {
      await round();
    } finally {
      await this.#redis.lgwRelease(keys.budgetTurn, owner).catch(() => undefined);
    }
  }
}

function keysOf({ budgetId, window }: BudgetSpan): string[] {
  const { state, reserved, until, settled, when } = keys.budget(budgetId, window.name);
  return [state, reserved, until, settled, when];
}

function toStanding(reply: number[]): Standing | null {
  const [spentNanoUsd, reservedNanoUsd, refused, folds, foldedAt, before, remembered] = reply;
  if (spentNanoUsd === undefined) return null;
  const [known = 0, at = 0, boundary = 0, count = 0] = [folds, foldedAt, before, remembered];
  return {
    spentNanoUsd,
    reservedNanoUsd: reservedNanoUsd ?? 0,
    refused: refused === 1,
    folds: known,
    foldedAt: at,
    before: boundary,
    remembered: count,
  };
}

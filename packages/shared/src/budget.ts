/** Budgets: whom they are for, in which window, and how much. */
import { z } from 'zod';

export const BUDGET_SCOPES = ['customer', 'service', 'all'] as const;
export const BUDGET_WINDOWS = ['day', 'month'] as const;
export const budgetWindow = z.enum(BUDGET_WINDOWS);
export type BudgetWindow = z.infer<typeof budgetWindow>;

const limitNanoUsd = z.int().positive().nullable();

export const budget = z.object({
  id: z.string(),
  scope: z.enum(BUDGET_SCOPES),
  /** Set where the scope is `customer`. */
  customerId: z.string().nullable(),
  /** Set where the scope is `service`. */
  service: z.string().nullable(),
  window: budgetWindow,
  /** Passing it is told, and stops nothing. */
  softLimitNanoUsd: limitNanoUsd,
  /** No call is made that could pass it. */
  hardLimitNanoUsd: limitNanoUsd,
});
export type Budget = z.infer<typeof budget>;

/** Whose money a request spends. */
export interface Spender {
  service: string;
  customerId: string | null;
}

/** One day or month of a budget, in UTC. */
export interface WindowSpan {
  /** `2026-11-24` or `2026-11`. */
  name: string;
  /** Epoch ms. */
  startsAt: number;
  /** Epoch ms, not included. */
  endsAt: number;
}

/** @returns the window that a moment (epoch ms) falls into. */
export function windowAt(window: BudgetWindow, at: number): WindowSpan {
  const date = new Date(at);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  if (window === 'month') {
    return { name: date.toISOString().slice(0, 7), startsAt: Date.UTC(year, month), endsAt: Date.UTC(year, month + 1) };
  }
  return { name: date.toISOString().slice(0, 10), startsAt: Date.UTC(year, month, day), endsAt: Date.UTC(year, month, day + 1) };
}

/** What is said of a budget in messages: "the daily budget of the customer acme". */
export function budgetName({
  scope,
  customerId,
  service,
  window,
}: Omit<Budget, 'softLimitNanoUsd' | 'hardLimitNanoUsd' | 'id'>): string {
  const whose = scope === 'all' ? 'all requests' : scope === 'service' ? `the service ${service}` : `the customer ${customerId}`;
  return `the ${window === 'day' ? 'daily' : 'monthly'} budget of ${whose}`;
}

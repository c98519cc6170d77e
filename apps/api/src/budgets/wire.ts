/** Budgets as callers write and read them. */
import type { BudgetInput, BudgetPatch, StoredBudget } from '@llm-gateway/db';
import { checkWebhookUrl, type EgressRules } from '@llm-gateway/providers';
import type { Standing } from '@llm-gateway/queue';
import {
  BUDGET_SCOPES,
  budgetWindow,
  NANO_PER_USD,
  nanoToUsd,
  usdToNano,
  windowAt,
  wireName,
  wireText,
} from '@llm-gateway/shared';
import { z } from 'zod';

/** Every sum of nano-USD up to here, and what a burst may add, is exact in a double. */
const MAX_LIMIT_USD = 5_000_000;
const limit = z
  .number()
  .min(1 / NANO_PER_USD, 'must be at least 0.000000001')
  .max(MAX_LIMIT_USD)
  .nullable();

const limits = (egress: EgressRules) => ({
  soft_limit_usd: limit.describe('Passing it raises an alert and stops nothing.'),
  hard_limit_usd: limit.describe('No call is made whose estimated cost would pass it.'),
  webhook_url: wireText(2_048)
    .superRefine((url, context) => {
      const problem = checkWebhookUrl(url, egress);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    })
    .nullable()
    .describe('Told of alerts, signed in the manner of Standard Webhooks.'),
});

/** The body of `POST /api/v1/budgets`. */
export const budgetCreate = (egress: EgressRules) =>
  z
    .strictObject({
      scope: z.enum(BUDGET_SCOPES),
      customer_id: wireName(128).nullable().optional().describe('Required where the scope is `customer`.'),
      service: wireName(64).nullable().optional().describe('Required where the scope is `service`.'),
      window: budgetWindow.describe('A day or a month in UTC.'),
      ...z.object(limits(egress)).partial().shape,
    })
    .superRefine((body, context) => {
      const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
      for (const [scope, field] of [
        ['customer', 'customer_id'],
        ['service', 'service'],
      ] as const) {
        if (body.scope === scope && body[field] == null) problem(field, `is required where the scope is ${scope}`);
        if (body.scope !== scope && body[field] != null) problem(field, `must not be given where the scope is ${body.scope}`);
      }
      const { soft_limit_usd: soft, hard_limit_usd: hard } = body;
      if (soft == null && hard == null) problem('hard_limit_usd', 'one of soft_limit_usd and hard_limit_usd is required');
      if (soft != null && hard != null && soft > hard) problem('soft_limit_usd', 'must not be above hard_limit_usd');
    });

/** The body of `PATCH /api/v1/budgets/{id}`. For whom and in which window a budget counts does not change: that is another budget. */
export const budgetPatch = (egress: EgressRules) => z.strictObject(limits(egress)).partial();

const toNano = (usd: number | null): number | null => (usd === null ? null : usdToNano(usd));

export const toBudgetInput = (body: z.output<ReturnType<typeof budgetCreate>>): BudgetInput => ({
  scope: body.scope,
  customerId: body.customer_id ?? null,
  service: body.service ?? null,
  window: body.window,
  softLimitNanoUsd: toNano(body.soft_limit_usd ?? null),
  hardLimitNanoUsd: toNano(body.hard_limit_usd ?? null),
  webhookUrl: body.webhook_url ?? null,
});

/** @returns only what the body gives: null clears, absent stays. */
export const toBudgetPatch = (body: z.output<ReturnType<typeof budgetPatch>>): BudgetPatch => ({
  ...(body.soft_limit_usd === undefined ? {} : { softLimitNanoUsd: toNano(body.soft_limit_usd) }),
  ...(body.hard_limit_usd === undefined ? {} : { hardLimitNanoUsd: toNano(body.hard_limit_usd) }),
  ...(body.webhook_url === undefined ? {} : { webhookUrl: body.webhook_url }),
});

export const wireBudget = z.object({
  id: z.string(),
  scope: z.enum(BUDGET_SCOPES),
  customer_id: z.string().nullable(),
  service: z.string().nullable(),
  window: budgetWindow,
  soft_limit_usd: z.number().nullable(),
  hard_limit_usd: z.number().nullable(),
  webhook_url: z.string().nullable(),
  spent_usd: z.number().describe('In the present window.'),
  reserved_usd: z.number().describe('Set aside for requests in flight.'),
  resets_at: z.iso.datetime().describe('When the next window begins.'),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
});

const toUsd = (nano: number | null): number | null => (nano === null ? null : nanoToUsd(nano));

/** @param at epoch ms: which window is the present one. */
export function toWireBudget(
  row: StoredBudget,
  { spentNanoUsd, reservedNanoUsd }: Pick<Standing, 'spentNanoUsd' | 'reservedNanoUsd'>,
  at: number,
): z.infer<typeof wireBudget> {
  return {
    id: row.id,
    scope: row.scope,
    customer_id: row.customerId,
    service: row.service,
    window: row.window,
    soft_limit_usd: toUsd(row.softLimitNanoUsd),
    hard_limit_usd: toUsd(row.hardLimitNanoUsd),
    webhook_url: row.webhookUrl,
    spent_usd: nanoToUsd(spentNanoUsd),
    reserved_usd: nanoToUsd(reservedNanoUsd),
    resets_at: new Date(windowAt(row.window, at).endsAt).toISOString(),
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

/** Alerts, as `GET /api/v1/alerts` lists them and webhooks receive them. */
import { z } from 'zod';
import { BUDGET_SCOPES, budgetWindow } from './budget.js';

/** What an alert says; a webhook's `data` is this and nothing else, so that every attempt sends the same bytes. */
export const alertContent = z.object({
  id: z.string(),
  budget_id: z.string(),
  scope: z.enum(BUDGET_SCOPES),
  customer_id: z.string().nullable(),
  service: z.string().nullable(),
  window: budgetWindow,
  window_start: z.iso.datetime(),
  limit: z.enum(['hard', 'soft']).describe('Which limit the threshold is a part of.'),
  threshold_percent: z.int(),
  limit_usd: z.number(),
  spent_usd: z.number().describe('When the threshold was seen to be reached.'),
  created_at: z.iso.datetime(),
});
export type AlertContent = z.infer<typeof alertContent>;

export const wireAlert = alertContent.extend({
  attempts: z.int().describe('Calls of the webhook so far.'),
  next_attempt_at: z.iso
    .datetime()
    .nullable()
    .describe('null: delivered, no webhook was set when the alert was raised, or the budget is gone.'),
  delivered_at: z.iso.datetime().nullable(),
  last_error: z.string().nullable(),
});
export type WireAlert = z.infer<typeof wireAlert>;

/** Alerts: raised once, told until somebody listens. */
import { type AlertContent, type Budget, type NanoUsd, type WireAlert, type WindowSpan } from '@llm-gateway/shared';
import { z } from 'zod';
import { newRowId } from '../config/row-ids.js';
import { query, type Db, type Queryable } from '../connection/database.js';
import type { BudgetAlert as AlertRow } from '../generated/client.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';

export interface NewAlert {
  budget: Budget;
  window: WindowSpan;
  limit: 'hard' | 'soft';
  /** Percent of that limit. */
  threshold: number;
  limitNanoUsd: NanoUsd;
  spentNanoUsd: NanoUsd;
}

/** Raises an alert, unless somebody has. It is due at its webhook at once, where its budget has one. @returns whether it is new. */
export async function raiseAlert(
  db: Db,
  { budget, window, limit, threshold, limitNanoUsd, spentNanoUsd }: NewAlert,
): Promise<boolean> {
  const inserted = await query(
    db,
    (client) => client.$executeRaw`
      INSERT INTO llm_alerts (id, budget_id, scope, customer_id, service, period, window_start, limit_kind, threshold, limit_usd, spent_usd, next_at)
      SELECT ${newRowId()}::uuid, id, scope, customer_id, service, period, ${new Date(window.startsAt)}, ${limit}, ${threshold},
        ${limitNanoUsd}::numeric / 1000000000, ${spentNanoUsd}::numeric / 1000000000, CASE WHEN webhook_url IS NOT NULL THEN now() END
      FROM llm_budgets WHERE id = ${budget.id}::uuid
      ON CONFLICT (budget_id, window_start, limit_kind, threshold) DO NOTHING`,
  );
  return inserted === 1;
}

/** Alerts, newest first. */
export async function listAlerts(db: Db, page: PageRequest): Promise<Page<WireAlert>> {
  const after = readCursor(z.uuid(), page.cursor);
  const where = after === undefined ? {} : { id: { lt: after } };
  const rows = await query(db, (client) => client.budgetAlert.findMany({ where, orderBy: { id: 'desc' }, take: page.limit + 1 }));
  return toPage(rows, page.limit, toWireAlert, (row) => row.id);
}

/** An alert that is to be told now, and to whom. */
export interface DueAlert {
  content: AlertContent;
  webhookUrl: string;
  /** This attempt's number, 1 first. */
  attempt: number;
}

/**
 * Takes alerts whose time has come, those that were tried least first: the many that a dead receiver has left behind keep no other waiting.
 * They are nobody else's until the lease is over; should this process die before it says how it went, they are due again then. An alert
 * whose budget is gone, or has no webhook any more, is left alone.
 */
export async function claimDueAlerts(db: Db, limit: number, leaseMs: number): Promise<DueAlert[]> {
  const rows = await query(
    db,
    (client) => client.$queryRaw<{ id: string; attempts: number; webhook_url: string }[]>`
      UPDATE llm_alerts AS alert SET attempts = alert.attempts + 1, next_at = now() + ${leaseMs} * interval '1 millisecond'
      FROM (
        SELECT due.id, budget.webhook_url FROM llm_alerts AS due JOIN llm_budgets AS budget ON budget.id = due.budget_id
        WHERE due.next_at <= now() AND due.delivered_at IS NULL AND budget.webhook_url IS NOT NULL
        ORDER BY due.attempts, due.next_at LIMIT ${limit} FOR UPDATE OF due SKIP LOCKED
      ) AS claimed
      WHERE alert.id = claimed.id RETURNING alert.id, alert.attempts, claimed.webhook_url`,
  );
  const claimed = new Map(rows.map((row) => [row.id, row]));
  const alerts = await query(db, (client) => client.budgetAlert.findMany({ where: { id: { in: [...claimed.keys()] } } }));
  return alerts.flatMap((alert) => {
    const claim = claimed.get(alert.id);
    return claim ? [{ content: toContent(alert), webhookUrl: claim.webhook_url, attempt: claim.attempts }] : [];
  });
}

/** The webhook has accepted it: it is not told again. */
export async function markDelivered(db: Db, id: string): Promise<void> {
  const data = { deliveredAt: new Date(), nextAt: null, lastError: null };
  await query(db, (client) => client.budgetAlert.updateMany({ where: { id, deliveredAt: null }, data }));
}

/** It was not accepted: it is due again in `retryInMs`, unless its budget has gone meanwhile. @param reason shown to administrators; without secrets. */
export async function markUndelivered(db: Db, id: string, reason: string, retryInMs: number): Promise<void> {
  const data = { nextAt: new Date(Date.now() + retryInMs), lastError: reason.slice(0, 500) };
  await query(db, (client) => client.budgetAlert.updateMany({ where: { id, deliveredAt: null, nextAt: { not: null } }, data }));
}

/** For those of a budget that goes: nobody will ever be told. */
export async function dropUndelivered(tx: Queryable, budgetId: string): Promise<void> {
  await tx.budgetAlert.updateMany({ where: { budgetId, nextAt: { not: null } }, data: { nextAt: null } });
}

function toContent(row: AlertRow): AlertContent {
  return {
    id: row.id,
    budget_id: row.budgetId,
    scope: row.scope as AlertContent['scope'],
    customer_id: row.customerId,
    service: row.service,
    window: row.period as AlertContent['window'],
    window_start: row.windowStart.toISOString(),
    limit: row.limitKind as AlertContent['limit'],
    threshold_percent: row.threshold,
    limit_usd: row.limitUsd.toNumber(),
    spent_usd: row.spentUsd.toNumber(),
    created_at: row.createdAt.toISOString(),
  };
}

const toWireAlert = (row: AlertRow): WireAlert => ({
  ...toContent(row),
  attempts: row.attempts,
  next_attempt_at: row.nextAt?.toISOString() ?? null,
  delivered_at: row.deliveredAt?.toISOString() ?? null,
  last_error: row.lastError,
});

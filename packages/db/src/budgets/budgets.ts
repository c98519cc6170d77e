import { GatewayError } from '@llm-gateway/shared';
import { z } from 'zod';
import type { AuditEntry } from '../audit/audited.js';
import { changeConfig } from '../config/config-state.js';
import { demandRowId, newRowId, notFound } from '../config/row-ids.js';
import { query, type ActingDb, type Db } from '../connection/database.js';
import { isTaken } from '../connection/errors.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';
import { dropUndelivered } from './alerts.js';
import { toLimitColumns, toStoredBudget, type BudgetInput, type BudgetPatch, type StoredBudget } from './budget-rows.js';

/** Stores a budget. @throws GatewayError `invalid_request` for limits that make no sense; `conflict` when whom and window have one already. */
export async function createBudget(db: ActingDb, input: BudgetInput): Promise<StoredBudget> {
  refuseLimits(input);
  const { scope, customerId, service, window, ...limits } = input;
  const data = { id: newRowId(), scope, customerId, service, period: window, ...toLimitColumns(limits) };
  const create = changeConfig(db, async (tx) => {
    const row = toStoredBudget(await tx.budget.create({ data }));
    return { result: row, entries: [budgetEntry('create', null, row)] };
  });
  return create.catch(refuseTaken);
}

/** Changes what the patch names. @throws GatewayError `not_found`; `invalid_request` for limits that make no sense together. */
export async function updateBudget(db: ActingDb, id: string, patch: BudgetPatch): Promise<StoredBudget> {
  demandRowId(id, 'budget');
  return changeConfig(db, async (tx) => {
    const found = await tx.budget.findUnique({ where: { id } });
    if (!found) throw notFound('budget', id);
    const before = toStoredBudget(found);
    refuseLimits({ ...before, ...patch });
    const data = { ...toLimitColumns(patch), updatedAt: new Date() };
    const row = toStoredBudget(await tx.budget.update({ where: { id }, data }));
    return { result: row, entries: [budgetEntry('update', before, row)] };
  });
}

/** Its alerts stay; those that no webhook has accepted yet are not sent any more. @throws GatewayError `not_found`. */
export async function deleteBudget(db: ActingDb, id: string): Promise<void> {
  demandRowId(id, 'budget');
  await changeConfig(db, async (tx) => {
    const before = await tx.budget.findUnique({ where: { id } });
    if (!before) throw notFound('budget', id);
    await tx.budget.delete({ where: { id } });
    await dropUndelivered(tx, id);
    return { result: undefined, entries: [budgetEntry('delete', toStoredBudget(before), null)] };
  });
}

/** @throws GatewayError `not_found`. */
export async function getBudget(db: Db, id: string): Promise<StoredBudget> {
  demandRowId(id, 'budget');
  const row = await query(db, (client) => client.budget.findUnique({ where: { id } }));
  if (!row) throw notFound('budget', id);
  return toStoredBudget(row);
}

/** Budgets, oldest first. */
export async function listBudgets(db: Db, page: PageRequest): Promise<Page<StoredBudget>> {
  const after = readCursor(z.uuid(), page.cursor);
  const where = after === undefined ? {} : { id: { gt: after } };
  const rows = await query(db, (client) => client.budget.findMany({ where, orderBy: { id: 'asc' }, take: page.limit + 1 }));
  return toPage(rows, page.limit, toStoredBudget, (row) => row.id);
}

const budgetEntry = (
  what: 'create' | 'update' | 'delete',
  before: StoredBudget | null,
  after: StoredBudget | null,
): AuditEntry => ({ action: `budget.${what}`, target: 'budget', targetId: (after ?? before)?.id ?? '', before, after });

/** The table's CHECK refuses it too; this names the field. */
function refuseLimits({
  softLimitNanoUsd: soft,
  hardLimitNanoUsd: hard,
}: Pick<BudgetInput, 'softLimitNanoUsd' | 'hardLimitNanoUsd'>): void {
  if (soft === null && hard === null) throw invalid('hard_limit_usd', 'one of soft_limit_usd and hard_limit_usd is required');
  if (soft !== null && hard !== null && soft > hard) throw invalid('soft_limit_usd', 'must not be above hard_limit_usd');
}

const invalid = (path: string, message: string) =>
  new GatewayError('invalid_request', `${path}: ${message}`, { details: [{ path, message }] });

function refuseTaken(error: unknown): never {
  if (!isTaken(error)) throw error;
  throw new GatewayError('conflict', 'there is a budget for this scope and window already: change that one', { cause: error });
}

import { GatewayError, type CustomerOverride } from '@llm-gateway/shared';
import { z } from 'zod';
import { query, type ActingDb, type Db, type Queryable } from '../connection/database.js';
import { isTaken } from '../connection/errors.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';
import type { AuditEntry } from '../audit/audited.js';
import { changeConfig } from './config-state.js';
import { toOverride, withProviderName, type OverrideInput } from './override-rows.js';
import { changedMeanwhile, demandRowId, newRowId, notFound } from './row-ids.js';

/**
 * Stores an override.
 * @throws GatewayError `invalid_request` when no provider has the name, or neither customer nor service is named; `conflict` when the pair
 * has its override already.
 */
export async function createOverride(db: ActingDb, input: OverrideInput): Promise<CustomerOverride> {
  refuseNobody(input);
  const { provider, ...columns } = input;
  const create = changeConfig(db, async (tx) => {
    const data = { id: newRowId(), ...columns, providerId: await providerIdOf(tx, provider) };
    const row = toOverride(await tx.customerOverride.create({ data, include: withProviderName }));
    return { result: row, entries: [overrideEntry('create', null, row)] };
  });
  return create.catch(refuseTakenPair);
}

export interface OverrideChange extends Partial<OverrideInput> {
  /** The version that the caller has seen. */
  ifVersion?: number | undefined;
}

/** Changes what the patch names. @throws GatewayError `not_found`, `precondition_failed`; `invalid_request` or `conflict`, as {@link createOverride}. */
export async function updateOverride(
  db: ActingDb,
  id: string,
  { ifVersion, ...patch }: OverrideChange,
): Promise<CustomerOverride> {
  demandRowId(id, 'override');
  const { provider, ...columns } = patch;
  const update = changeConfig(db, async (tx) => {
    const before = await readForChange(tx, id, ifVersion);
    refuseNobody({ ...before, ...columns });
    const target = provider === undefined ? {} : { providerId: await providerIdOf(tx, provider) };
    const data = { ...columns, ...target, version: { increment: 1 }, updatedAt: new Date() };
    const row = toOverride(await tx.customerOverride.update({ where: { id }, data, include: withProviderName }));
    return { result: row, entries: [overrideEntry('update', toOverride(before), row)] };
  });
  return update.catch(refuseTakenPair);
}

/** @throws GatewayError `not_found`, `precondition_failed`. */
export async function deleteOverride(db: ActingDb, id: string, { ifVersion }: { ifVersion?: number } = {}): Promise<void> {
  demandRowId(id, 'override');
  await changeConfig(db, async (tx) => {
    const before = await readForChange(tx, id, ifVersion);
    await tx.customerOverride.delete({ where: { id } });
    return { result: undefined, entries: [overrideEntry('delete', toOverride(before), null)] };
  });
}

/** Deletes those that point at a provider, which goes with them. @returns what to record. */
export async function deleteOverridesOf(tx: Queryable, providerId: string): Promise<AuditEntry[]> {
  const rows = await tx.customerOverride.findMany({ where: { providerId }, include: withProviderName });
  await tx.customerOverride.deleteMany({ where: { providerId } });
  return rows.map((row) => overrideEntry('delete', toOverride(row), null));
}

/** They name the provider that they point at: under another name of it, each is another version of itself. */
export async function noteRename(tx: Queryable, providerId: string): Promise<void> {
  await tx.customerOverride.updateMany({ where: { providerId }, data: { version: { increment: 1 }, updatedAt: new Date() } });
}

/** The row as it stands; nobody changes it before the transaction ends, see changeConfig. */
async function readForChange(tx: Queryable, id: string, ifVersion: number | undefined) {
  const row = await tx.customerOverride.findUnique({ where: { id }, include: withProviderName });
  if (!row) throw notFound('override', id);
  if (ifVersion !== undefined && row.version !== ifVersion) throw changedMeanwhile('override');
  return row;
}

/** @throws GatewayError `not_found`. */
export async function getOverride(db: Db, id: string): Promise<CustomerOverride> {
  demandRowId(id, 'override');
  const row = await query(db, (client) => client.customerOverride.findUnique({ where: { id }, include: withProviderName }));
  if (!row) throw notFound('override', id);
  return toOverride(row);
}

/** Overrides, oldest first. */
export async function listOverrides(db: Db, page: PageRequest): Promise<Page<CustomerOverride>> {
  const after = readCursor(z.uuid(), page.cursor);
  const where = after === undefined ? {} : { id: { gt: after } };
  const rows = await query(db, (client) =>
    client.customerOverride.findMany({ where, orderBy: { id: 'asc' }, take: page.limit + 1, include: withProviderName }),
  );
  return toPage(rows, page.limit, toOverride, (row) => row.id);
}

function overrideEntry(
  what: 'create' | 'update' | 'delete',
  before: CustomerOverride | null,
  after: CustomerOverride | null,
): AuditEntry {
  return { action: `override.${what}`, target: 'override', targetId: (after ?? before)?.id ?? '', before, after };
}

async function providerIdOf(tx: Queryable, name: string): Promise<string> {
  const provider = await tx.providerConfig.findUnique({ where: { name }, select: { id: true } });
  if (provider) return provider.id;
  throw invalid('provider', `no provider is named ${name.slice(0, 64)}`);
}

/** The table's CHECK refuses it too; this names the field. */
function refuseNobody({ customerId, service }: Pick<OverrideInput, 'customerId' | 'service'>): void {
  if (customerId === null && service === null) throw invalid('customer_id', 'customer_id and service must not both be null');
}

const invalid = (path: string, message: string) =>
  new GatewayError('invalid_request', `${path}: ${message}`, { details: [{ path, message }] });

function refuseTakenPair(error: unknown): never {
  if (!isTaken(error)) throw error;
  throw new GatewayError('conflict', 'this pair of customer and service has an override already', { cause: error });
}

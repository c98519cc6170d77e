import { GatewayError, type ProviderConfig } from '@llm-gateway/shared';
import { z } from 'zod';
import { query, type ActingDb, type Db, type Queryable } from '../connection/database.js';
import { isTaken } from '../connection/errors.js';
import type { EncryptionKeys } from '../encryption.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';
import type { AuditEntry } from '../audit/audited.js';
import { changeConfig } from './config-state.js';
import { deleteOverridesOf, noteRename } from './overrides.js';
import { toColumns, toProvider, type ProviderInput } from './provider-rows.js';
import { changedMeanwhile, demandRowId, newRowId, notFound } from './row-ids.js';

/** Stores a provider, its key encrypted. @throws GatewayError `conflict` when the name is taken. */
export async function createProvider(db: ActingDb, keys: EncryptionKeys, input: ProviderInput): Promise<ProviderConfig> {
  const id = newRowId();
  const { name, ...columns } = toColumns(keys, id, input);
  const create = changeConfig(db, async (tx) => {
    const row = toProvider(await tx.providerConfig.create({ data: { id, name, ...columns } }));
    return { result: row, entries: [providerEntry('create', null, row)] };
  });
  return create.catch((error: unknown) => refuseTakenName(error, name));
}

export interface ProviderChange extends Partial<ProviderInput> {
  /** The version that the change was checked against; the change is refused when there is a newer one. */
  ifVersion?: number;
}

/** Changes what the patch names. @throws GatewayError `not_found`; `conflict` when the new name is taken; `precondition_failed` when the row has changed meanwhile. */
export async function updateProvider(
  db: ActingDb,
  keys: EncryptionKeys,
  id: string,
  { ifVersion, ...patch }: ProviderChange,
): Promise<ProviderConfig> {
  demandRowId(id, 'provider');
  const data = { ...toColumns(keys, id, patch), version: { increment: 1 }, updatedAt: new Date() };
  const update = changeConfig(db, async (tx) => {
    const before = await readProviderForChange(tx, id, ifVersion);
    const row = toProvider(await tx.providerConfig.update({ where: { id }, data }));
    if (row.name !== before.name) await noteRename(tx, id);
    return { result: row, entries: [providerEntry('update', before, row)] };
  });
  return update.catch((error: unknown) => refuseTakenName(error, patch.name));
}

export interface Deletion {
  /** The version that the caller has seen. */
  ifVersion?: number;
  /** Removes the overrides that point at it as well. */
  force?: boolean;
}

/** @throws GatewayError `not_found`; `precondition_failed`; `conflict`, naming them, while overrides point at the provider and it is not forced. */
export async function deleteProvider(db: ActingDb, id: string, { ifVersion, force = false }: Deletion = {}): Promise<void> {
  demandRowId(id, 'provider');
  await changeConfig(db, async (tx) => {
    const before = await readProviderForChange(tx, id, ifVersion);
    const overrides = force ? await deleteOverridesOf(tx, id) : await refuseWhileUsed(tx, id);
    await tx.providerConfig.delete({ where: { id } });
    return { result: undefined, entries: [...overrides, providerEntry('delete', before, null)] };
  });
}

/** The row as it stands; nobody changes it before the transaction ends, see changeConfig. */
export async function readProviderForChange(tx: Queryable, id: string, ifVersion: number | undefined) {
  const row = await tx.providerConfig.findUnique({ where: { id } });
  if (!row) throw notFound('provider', id);
  if (ifVersion !== undefined && row.version !== ifVersion) throw changedMeanwhile('provider');
  return row;
}

/** @throws GatewayError `not_found`. */
export async function getProvider(db: Db, id: string): Promise<ProviderConfig> {
  demandRowId(id, 'provider');
  const row = await query(db, (client) => client.providerConfig.findUnique({ where: { id } }));
  if (!row) throw notFound('provider', id);
  return toProvider(row);
}

const sortKey = z.tuple([z.int32(), z.string()]);

/** Providers by priority, then name. */
export async function listProviders(db: Db, page: PageRequest): Promise<Page<ProviderConfig>> {
  const after = readCursor(sortKey, page.cursor);
  const where = after && { OR: [{ priority: { gt: after[0] } }, { priority: after[0], name: { gt: after[1] } }] };
  const orderBy = [{ priority: 'asc' as const }, { name: 'asc' as const }];
  const rows = await query(db, (client) =>
    client.providerConfig.findMany({ ...(where ? { where } : {}), orderBy, take: page.limit + 1 }),
  );
  return toPage(rows, page.limit, toProvider, (row) => [row.priority, row.name]);
}

export async function countProviders(db: Db): Promise<number> {
  return query(db, (client) => client.providerConfig.count());
}

/** A row as it stands in the database, which an older build may not understand, will do. Its key's ciphertext stays out of the log. */
export const providerEntry = (
  what: 'create' | 'update' | 'delete' | 'rotate_key' | 'forget_key' | 'reencrypt',
  before: { id: string } | null,
  after: { id: string } | null,
): AuditEntry => ({
  action: `provider.${what}`,
  target: 'provider',
  targetId: (after ?? before)?.id ?? '',
  before,
  after,
});

function refuseTakenName(error: unknown, name: string | undefined): never {
  if (!isTaken(error)) throw error;
  throw new GatewayError('conflict', `a provider named ${name} exists already`, { cause: error });
}

/** The foreign key refuses too; this says which overrides are in the way. No other change can come between, see changeConfig. */
async function refuseWhileUsed(tx: Queryable, providerId: string): Promise<[]> {
  const shown = 20;
  const overrides = await tx.customerOverride.findMany({ where: { providerId }, orderBy: { id: 'asc' }, take: shown });
  if (overrides.length === 0) return [];
  const count = await tx.customerOverride.count({ where: { providerId } });
  const details = overrides.map(({ id, customerId, service }) => ({
    path: `overrides.${id}`,
    message: `customer ${customerId ?? '(every)'}, service ${service ?? '(every)'}`,
  }));
  throw new GatewayError(
    'conflict',
    `${count} override${count === 1 ? ' points' : 's point'} at this provider; change or delete them first, or remove all with ?force=true`,
    {
      details,
    },
  );
}

import { GatewayError, type ProviderConfig } from '@llm-gateway/shared';
import { z } from 'zod';
import { query, type ActingDb, type Db, type Queryable } from '../connection/database.js';
import { isTaken } from '../connection/errors.js';
import type { EncryptionKeys } from '../encryption.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';
import type { AuditEntry } from '../audit/audited.js';
import { changeConfig } from './config-state.js';
import { toColumns, toProvider, type ProviderInput } from './provider-rows.js';
import { demandRowId, newRowId, notFound } from './row-ids.js';

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

/** Changes what the patch names. @throws GatewayError `not_found`; `conflict` when the new name is taken, or the row has changed meanwhile. */
export async function updateProvider(
  db: ActingDb,
  keys: EncryptionKeys,
  id: string,
  { ifVersion, ...patch }: ProviderChange,
): Promise<ProviderConfig> {
  demandRowId(id, 'provider');
  const data = { ...toColumns(keys, id, patch), version: { increment: 1 }, updatedAt: new Date() };
  const update = changeConfig(db, async (tx) => {
    const before = await tx.providerConfig.findUnique({ where: { id } });
    if (!before) throw notFound('provider', id);
    const [row] = await tx.providerConfig.updateManyAndReturn({ where: { id, version: ifVersion }, data });
    if (row) return { result: toProvider(row), entries: [providerEntry('update', before, toProvider(row))] };
    throw new GatewayError(
      'conflict',
      'the provider was changed by somebody else meanwhile: read it again and repeat the change',
    );
  });
  return update.catch((error: unknown) => refuseTakenName(error, patch.name));
}

/** @throws GatewayError `not_found`; `conflict`, naming them, while overrides point at the provider. */
export async function deleteProvider(db: ActingDb, id: string): Promise<void> {
  demandRowId(id, 'provider');
  await changeConfig(db, async (tx) => {
    await refuseWhileUsed(tx, id);
    const before = await tx.providerConfig.findUnique({ where: { id } });
    if (!before) throw notFound('provider', id);
    await tx.providerConfig.delete({ where: { id } });
    return { result: undefined, entries: [providerEntry('delete', before, null)] };
  });
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
const providerEntry = (
  what: 'create' | 'update' | 'delete',
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
async function refuseWhileUsed(tx: Queryable, providerId: string): Promise<void> {
  const shown = 20;
  const overrides = await tx.customerOverride.findMany({ where: { providerId }, orderBy: { id: 'asc' }, take: shown });
  if (overrides.length === 0) return;
  const count = await tx.customerOverride.count({ where: { providerId } });
  const details = overrides.map(({ id, customerId, service }) => ({
    path: `overrides.${id}`,
    message: `customer ${customerId ?? '(every)'}, service ${service ?? '(every)'}`,
  }));
  throw new GatewayError(
    'conflict',
    `${count} override${count === 1 ? ' points' : 's point'} at this provider; change or delete them first`,
    {
      details,
    },
  );
}

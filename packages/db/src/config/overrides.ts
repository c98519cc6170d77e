import { GatewayError, type CustomerOverride } from '@llm-gateway/shared';
import { z } from 'zod';
import { query, type Db, type Queryable } from '../connection/database.js';
import { isTaken } from '../connection/errors.js';
import { readCursor, toPage, type Page, type PageRequest } from '../page.js';
import { changeConfig } from './config-state.js';
import { toOverride, withProviderName, type OverrideInput } from './override-rows.js';
import { demandRowId, newRowId, notFound } from './row-ids.js';

/**
 * Stores an override.
 * @throws GatewayError `invalid_request` when no provider has the name, or neither customer nor service is named; `conflict` when the pair
 * has its override already.
 */
export async function createOverride(db: Db, input: OverrideInput): Promise<CustomerOverride> {
  refuseNobody(input);
  const { provider, ...columns } = input;
  const create = changeConfig(db, async (tx) => {
    const data = { id: newRowId(), ...columns, providerId: await providerIdOf(tx, provider) };
    return tx.customerOverride.create({ data, include: withProviderName });
  });
  return toOverride(await create.catch(refuseTakenPair));
}

/** Changes what the patch names. @throws GatewayError `not_found`, `invalid_request` or `conflict`, as {@link createOverride}. */
export async function updateOverride(db: Db, id: string, patch: Partial<OverrideInput>): Promise<CustomerOverride> {
  demandRowId(id, 'override');
  const { provider, ...columns } = patch;
  const update = changeConfig(db, async (tx) => {
    const before = await tx.customerOverride.findUnique({ where: { id } });
    if (!before) throw notFound('override', id);
    refuseNobody({ ...before, ...columns });
    const target = provider === undefined ? {} : { providerId: await providerIdOf(tx, provider) };
    return tx.customerOverride.update({
      where: { id },
      data: { ...columns, ...target, updatedAt: new Date() },
      include: withProviderName,
    });
  });
  return toOverride(await update.catch(refuseTakenPair));
}

/** @throws GatewayError `not_found`. */
export async function deleteOverride(db: Db, id: string): Promise<void> {
  demandRowId(id, 'override');
  await changeConfig(db, async (tx) => {
    const { count } = await tx.customerOverride.deleteMany({ where: { id } });
    if (count === 0) throw notFound('override', id);
  });
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
  new GatewayError('invalid_request', 'the request is not valid', { details: [{ path, message }] });

function refuseTakenPair(error: unknown): never {
  if (!isTaken(error)) throw error;
  throw new GatewayError('conflict', 'this pair of customer and service has an override already', { cause: error });
}

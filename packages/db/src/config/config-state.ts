import type { ConfigSnapshot } from '@llm-gateway/shared';
import { audited, type Change } from '../audit/audited.js';
import { query, transaction, type ActingDb, type Db, type Queryable } from '../connection/database.js';
import { toBudget } from '../budgets/budget-rows.js';
import { toOverride, withProviderName } from './override-rows.js';
import { readKeyRing } from '../keys/service-keys.js';
import { isReadable, toProvider } from './provider-rows.js';

/** @returns a number that grows with every change of a provider, an override, a budget or a key. One cheap read, made to be polled. */
export async function configVersion(db: Db): Promise<number> {
  return query(db, readVersion);
}

/** @returns all that routing, budgets and authentication need as it stood at one moment, with its version. One unreadable row does not take the others along. */
export async function loadSnapshot(db: Db): Promise<ConfigSnapshot> {
  const read = async (tx: Queryable): Promise<ConfigSnapshot> => {
    const version = await readVersion(tx);
    const providers = await tx.providerConfig.findMany({ orderBy: [{ priority: 'asc' }, { name: 'asc' }] });
    const overrides = await tx.customerOverride.findMany({ orderBy: { id: 'asc' }, include: withProviderName });
    const budgets = await tx.budget.findMany({ orderBy: { id: 'asc' } });
    const access = await readKeyRing(tx);
    const [readable, unreadable] = [providers.filter(isReadable), providers.filter((row) => !isReadable(row))];
    return {
      version,
      providers: readable.map(toProvider),
      overrides: overrides.map(toOverride),
      budgets: budgets.map(toBudget),
      access,
      unreadable: unreadable.map((row) => row.name),
    };
  };
  // Every read of a repeatable-read transaction sees the moment of its first.
  return transaction(db, read, 'RepeatableRead');
}

/**
 * Changes providers, overrides, budgets or keys, and the version and the audit log with them: every change goes through here. The version's row is
 * locked first, so that changes happen one after the other and no reader can see a newer version with an older configuration.
 */
export async function changeConfig<T>(db: ActingDb, change: (tx: Queryable) => Promise<Change<T>>): Promise<T> {
  return audited(db, async (tx) => {
    await tx.configState.upsert({ where: { id: 1 }, create: { id: 1, version: 1 }, update: { version: { increment: 1 } } });
    return change(tx);
  });
}

async function readVersion(client: Queryable): Promise<number> {
  const state = await client.configState.findUnique({ where: { id: 1 } });
  return Number(state?.version ?? 0);
}

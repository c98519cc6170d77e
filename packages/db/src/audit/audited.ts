/**
 * The audit log: who changed what, written in the transaction of the change itself, so that neither is there without the other. The table is
 * append-only by a trigger. What an entry shows of a row is said where the row is changed; secrets are kept out here as well.
 */
import { newRowId } from '../config/row-ids.js';
import { actorOf, query, transaction, type ActingDb, type Queryable } from '../connection/database.js';
import { Prisma } from '../generated/client.js';
import { withoutSecrets } from './without-secrets.js';

/** One deed. */
export interface AuditEntry {
  /** `provider.update`: what it is done to, and what is done. */
  action: string;
  /** What kind of thing it is done to: `provider`. */
  target: string;
  targetId: string;
  /** The thing as it was; null: it was not there. */
  before: object | null;
  /** The thing as it is now; null: it is gone, or the deed (a replay, a look) leaves it as it was. */
  after: object | null;
}

/** What a transaction has done: what it says to its caller, and what goes on record. */
export interface Change<T> {
  result: T;
  entries: AuditEntry[];
}

/**
 * Runs a change and records it, both or neither.
 *
 *     await audited(actingAs(db, actor), async (tx) => {
 *       const row = await tx.thing.update(…);
 *       return { result: row, entries: [{ action: 'thing.update', target: 'thing', targetId: row.id, before, after: row }] };
 *     });
 *
 * Changes of the configuration go through `changeConfig`, which calls this. The routes of the API get their `ActingDb` from `actingFor(db, res)`.
 */
export async function audited<T>(db: ActingDb, change: (tx: Queryable) => Promise<Change<T>>): Promise<T> {
  return transaction(db, async (tx) => {
    const { result, entries } = await change(tx);
    await tx.auditLog.createMany({ data: entries.map((entry) => toRow(db, entry)) });
    return result;
  });
}

/**
 * Records deeds that happen elsewhere than in PostgreSQL (a job cancelled in Redis). Call it before the deed and let it throw: what cannot be
 * recorded is not done; an entry whose deed then failed is the lesser evil.
 * @throws GatewayError `unavailable`.
 */
export async function recordDeeds(db: ActingDb, entries: readonly AuditEntry[]): Promise<void> {
  await query(db, (client) => client.auditLog.createMany({ data: entries.map((entry) => toRow(db, entry)) }));
}

function toRow(db: ActingDb, { action, target, targetId, before, after }: AuditEntry): Prisma.AuditLogCreateManyInput {
  const { keyId, requestId, address } = actorOf(db);
  return {
    id: newRowId(),
    keyId,
    action,
    target,
    targetId,
    before: toJson(before),
    after: toJson(after),
    requestId,
    address,
  };
}

const toJson = (value: object | null) => (value === null ? Prisma.DbNull : withoutSecrets(value));

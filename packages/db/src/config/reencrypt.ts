/** Stored secrets under another encryption key, batch by batch, while everybody uses them. */
import { query, type ActingDb, type Db, type Queryable } from '../connection/database.js';
import { decryptSecret, encryptSecret, keyIdOf, type EncryptionKeys } from '../encryption.js';
import type { ProviderConfig as ProviderRow } from '../generated/client.js';
import { Prisma } from '../generated/client.js';
import { changeConfig } from './config-state.js';
import { resealPepper } from '../keys/reseal-pepper.js';
import { providerEntry } from './providers.js';

/** Where secrets stand. One that is forgotten here would still need its old key when that is taken away. */
const SECRETS = ['apiKeyCiphertext', 'previousKeyCiphertext'] as const;
type SecretColumns = Pick<ProviderRow, (typeof SECRETS)[number]>;

export interface SecretsOfKey {
  /** The encryption key's id. */
  keyId: string;
  secrets: number;
}

/** @returns how many stored secrets need which encryption key, by its id. */
export async function secretsByKey(db: Db): Promise<SecretsOfKey[]> {
  return query(
    db,
    (client) => client.$queryRaw<SecretsOfKey[]>`
      SELECT split_part(secret, '.', 2) AS "keyId", count(*)::float8 AS secrets
      FROM (
        SELECT unnest(ARRAY[api_key_ciphertext, previous_key_ciphertext]) AS secret FROM llm_provider_configs
        UNION ALL SELECT ciphertext FROM llm_sealed_secrets
      ) AS stored
      WHERE secret IS NOT NULL GROUP BY 1 ORDER BY 1`,
  );
}

export interface ReencryptedBatch {
  /** Where the next batch begins; null: there is none. */
  cursor: string | null;
  /** Secrets that now stand under the first key. */
  rewritten: number;
  /** Secrets that cannot be read with the keys there are. */
  unreadable: { provider: string; keyId: string }[];
}

/**
 * Encrypts what service keys are checked with, and the secrets of up to `limit` providers, under the first key, if another has encrypted them. One transaction, which no change by an
 * administrator can come between; what is written stays, so that a next run goes on where this one ended.
 */
export async function reencryptBatch(
  db: ActingDb,
  keys: EncryptionKeys,
  { cursor, limit }: { cursor: string | null; limit: number },
): Promise<ReencryptedBatch> {
  // With the first batch: without it every service key would die with its old key.
  const pepper = cursor === null ? await resealPepper(db, keys) : { rewritten: 0, unreadable: [] };
  const ids = await query(db, (client) => staleIds(client, keys, cursor, limit));
  if (ids.length === 0) return { cursor: null, ...pepper };
  const batch = await reencryptProviders(db, keys, ids, limit);
  return {
    cursor: batch.cursor,
    rewritten: pepper.rewritten + batch.rewritten,
    unreadable: [...pepper.unreadable, ...batch.unreadable],
  };
}

async function reencryptProviders(db: ActingDb, keys: EncryptionKeys, ids: string[], limit: number): Promise<ReencryptedBatch> {
  return changeConfig(db, async (tx) => {
    const rows = await tx.providerConfig.findMany({ where: { id: { in: ids } }, orderBy: { id: 'asc' } });
    const renewed = rows.map((row) => renew(keys, row));
    const entries = [];
    let rewritten = 0;
    for (const { row, columns } of renewed) {
      if (Object.keys(columns).length === 0) continue;
      // Only over what was read: a build that does not take the lock must not lose a key that it has just stored.
      const unchanged = { id: row.id, ...secretsOf(row) };
      const { count } = await tx.providerConfig.updateMany({ where: unchanged, data: columns });
      if (count === 0) continue;
      rewritten += Object.keys(columns).length;
      entries.push(providerEntry('reencrypt', keyIdsOf(row), keyIdsOf({ ...row, ...columns })));
    }
    const last = ids.length < limit ? null : (ids.at(-1) ?? null);
    return { result: { cursor: last, rewritten, unreadable: renewed.flatMap((each) => each.unreadable) }, entries };
  });
}

async function staleIds(client: Queryable, keys: EncryptionKeys, cursor: string | null, limit: number): Promise<string[]> {
  const after = cursor === null ? Prisma.empty : Prisma.sql`AND id > ${cursor}::uuid`;
  const rows = await client.$queryRaw<{ id: string }[]>`
    SELECT id FROM llm_provider_configs
    WHERE (split_part(api_key_ciphertext, '.', 2) <> ${keys.current} OR split_part(previous_key_ciphertext, '.', 2) <> ${keys.current}) ${after}
    ORDER BY id LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}

/** The columns to write; those that no key here opens are named and left alone. */
function renew(keys: EncryptionKeys, row: ProviderRow) {
  const columns: Partial<Record<(typeof SECRETS)[number], string>> = {};
  const unreadable: ReencryptedBatch['unreadable'] = [];
  for (const column of SECRETS) {
    const secret = row[column];
    if (secret === null || keyIdOf(secret) === keys.current) continue;
    try {
      columns[column] = encryptSecret(keys, decryptSecret(keys, secret, row.id), row.id);
    } catch {
      unreadable.push({ provider: row.name, keyId: keyIdOf(secret) });
    }
  }
  return { row, columns, unreadable };
}

const secretsOf = ({ apiKeyCiphertext, previousKeyCiphertext }: SecretColumns): SecretColumns => ({
  apiKeyCiphertext,
  previousKeyCiphertext,
});

/** What goes on record: not the secrets, but which keys they need. */
function keyIdsOf(row: SecretColumns & { id: string; name: string }) {
  const idOf = (secret: string | null) => secret && keyIdOf(secret);
  const { id, name } = row;
  return { id, name, encryptedWith: idOf(row.apiKeyCiphertext), previousEncryptedWith: idOf(row.previousKeyCiphertext) };
}

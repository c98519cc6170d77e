/** `keys:reencrypt`: puts all stored secrets under the first of ENCRYPTION_KEYS, so that an old key can be taken away. */
import {
  actingAsSystem,
  closeDatabase,
  openDatabase,
  reencryptBatch,
  secretsByKey,
  type Db,
  type EncryptionKeys,
  type ReencryptedBatch,
} from '@llm-gateway/db';
import { EXIT, readOptions, type Command, type ExitCode, type Surroundings } from '../command.js';
import { Progress } from '../progress.js';
import { count } from '../table.js';
import { keysText, keysView, type KeysView } from './keys-text.js';

const OPTIONS = {
  apply: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** Short transactions: each holds up the changes of administrators while it lasts, and nobody else. */
const BATCH = 100;

interface Task extends Surroundings {
  db: Db;
  keys: EncryptionKeys;
  json: boolean;
}

type Written = Pick<ReencryptedBatch, 'rewritten' | 'unreadable'>;

export const reencrypt: Command = async (args, surroundings) => {
  const options = readOptions(args, OPTIONS);
  const keys = surroundings.encryptionKeys();
  const db = openDatabase(surroundings.databaseUrl(), { poolSize: 1 });
  try {
    const task: Task = { ...surroundings, db, keys, json: options.json };
    return options.apply ? await apply(task) : await dryRun(task);
  } finally {
    await closeDatabase(db);
  }
};

async function dryRun({ db, keys, out, json }: Task): Promise<ExitCode> {
  const view = keysView(keys, await secretsByKey(db));
  if (json) out(asJson(view, null));
  else out(keysText(view));
  if (!json && view.to_rewrite > 0) out('\nNothing is written yet: add --apply to re-encrypt.');
  return view.missing.length > 0 ? EXIT.found : EXIT.ok;
}

/** Batch by batch, each in a transaction of its own: what is written stays, and a second run goes on with the rest. */
async function apply(task: Task): Promise<ExitCode> {
  const { db, keys, signal, note, out, json } = task;
  const written = await rewriteAll(task).catch((error: unknown) => {
    note('what was re-encrypted so far stays; the same command goes on with the rest');
    throw error;
  });
  const view = keysView(keys, await secretsByKey(db));
  out(
    json
      ? asJson(view, written)
      : [`Re-encrypted ${count(written.rewritten)} secrets.`, ...complaints(written), '', keysText(view)].join('\n'),
  );
  if (signal.aborted) {
    note('stopped; the same command goes on with the rest');
    return EXIT.stopped;
  }
  return written.unreadable.length > 0 || view.to_rewrite > 0 ? EXIT.found : EXIT.ok;
}

async function rewriteAll({ db, keys, signal, note }: Task): Promise<Written> {
  const acting = actingAsSystem(db);
  const progress = new Progress(note);
  const total: Written = { rewritten: 0, unreadable: [] };
  let cursor: string | null = null;
  do {
    const batch: ReencryptedBatch = await reencryptBatch(acting, keys, { cursor, limit: BATCH });
    cursor = batch.cursor;
    total.rewritten += batch.rewritten;
    total.unreadable.push(...batch.unreadable);
    progress.say(() => `re-encrypted ${count(total.rewritten)} secrets`);
  } while (cursor !== null && !signal.aborted);
  return total;
}

const complaints = ({ unreadable }: Written): string[] =>
  unreadable.map(
    ({ provider, keyId }) => `The key of ${provider} cannot be read with "${keyId}": enter it again, or add that encryption key.`,
  );

function asJson(view: KeysView, written: Written | null): string {
  const unreadable = written?.unreadable.map(({ provider, keyId }) => ({ provider, encryption_key: keyId })) ?? [];
  return JSON.stringify({ applied: written !== null, rewritten: written?.rewritten ?? 0, unreadable, ...view }, null, 2);
}

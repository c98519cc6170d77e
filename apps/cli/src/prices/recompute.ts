/** `prices:recompute`: what past calls cost by the prices that are known now. */
import {
  actingAsSystem,
  closeDatabase,
  loadSnapshot,
  openDatabase,
  recordDeeds,
  repriceAttempts,
  type Db,
  type NewPrice,
  type StoredAttempt,
} from '@llm-gateway/db';
import type { ProviderConfig } from '@llm-gateway/shared';
import { EXIT, readOptions, type Command, type ExitCode, type Surroundings } from '../command.js';
import { Progress } from '../progress.js';
import { count } from '../table.js';
import { readRange, type TimeRange } from '../time-range.js';
import { attemptPages } from './attempt-pages.js';
import { diffText } from './diff-text.js';
import { PriceDiff } from './price-diff.js';
import { reprice } from './reprice.js';
import { tableInUse } from './table-in-use.js';

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  apply: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

interface Task extends Surroundings {
  db: Db;
  range: TimeRange;
  providers: ReadonlyMap<string, ProviderConfig>;
  json: boolean;
  /** The version of the price table. */
  priceTable: string;
}

/** The diff first, always; then, with `--apply`, the writing. */
export const recompute: Command = async (args, surroundings) => {
  const options = readOptions(args, OPTIONS);
  const range = readRange(options.from, options.to);
  const priceTable = (await tableInUse(surroundings.pricesFile())).version;
  const db = openDatabase(surroundings.databaseUrl(), { poolSize: 1 });
  try {
    const { providers } = await loadSnapshot(db);
    const byName = new Map(providers.map((provider) => [provider.name, provider]));
    const task: Task = { ...surroundings, db, range, providers: byName, json: options.json, priceTable };
    const diff = await diffOf(task);
    if (surroundings.signal.aborted) return EXIT.stopped;
    if (!options.json) surroundings.out(diffText(range, diff));
    return options.apply ? await apply(task, diff) : dryRun(task, diff);
  } finally {
    await closeDatabase(db);
  }
};

async function diffOf({ db, range, providers, signal, note }: Task): Promise<PriceDiff> {
  const diff = new PriceDiff();
  const progress = new Progress(note);
  for await (const page of attemptPages(db, range, signal)) {
    for (const attempt of page) diff.add(attempt, reprice(attempt, providers));
    progress.say(() => `compared ${count(diff.total().attempts)} attempts, up to ${last(page)}`);
  }
  return diff;
}

function dryRun(task: Task, diff: PriceDiff): ExitCode {
  if (task.json) task.out(asJson(task, diff, { applied: false, written: 0 }));
  else if (diff.total().changed > 0) task.out('\nNothing is written yet: add --apply to write these costs.');
  return EXIT.ok;
}

/** Batch by batch, each in a transaction of its own: what is written stays, and a second run finds it right and goes on. */
async function apply(task: Task, diff: PriceDiff): Promise<ExitCode> {
  const { db, range, providers, signal, note, out, json } = task;
  const progress = new Progress(note);
  let written = 0;
  let reached = range.from.toISOString();
  if (diff.total().changed > 0) await record(task, diff);
  try {
    for await (const page of attemptPages(db, range, signal)) {
      written += await repriceAttempts(db, newPrices(page, providers));
      reached = last(page);
      progress.say(() => `wrote ${count(written)} of ${count(diff.total().changed)} costs, up to ${reached}`);
    }
  } catch (error) {
    note(`${count(written)} costs are written; go on with --from ${reached}`);
    throw error;
  }
  out(json ? asJson(task, diff, { applied: true, written }) : `\nWrote ${count(written)} costs, and those of their requests.`);
  if (!signal.aborted) return EXIT.ok;
  note(`stopped; go on with --from ${reached}`);
  return EXIT.stopped;
}

/** Before the first batch: what cannot be put on record is not done. The counts are those of the diff; a run that is stopped writes fewer. */
async function record({ db, range, priceTable }: Task, diff: PriceDiff): Promise<void> {
  const after = { command: 'prices:recompute', ...range, price_table: priceTable, ...diff.total() };
  const entry = { action: 'usage.recompute', target: 'usage', targetId: '*', before: null, after };
  await recordDeeds(actingAsSystem(db), [entry]);
}

function newPrices(page: StoredAttempt[], providers: ReadonlyMap<string, ProviderConfig>): NewPrice[] {
  return page.flatMap((attempt) => {
    const verdict = reprice(attempt, providers);
    return verdict.kind === 'changed' ? { attempt, ...verdict.price } : [];
  });
}

const last = (page: StoredAttempt[]): string => page.at(-1)?.createdAt.toISOString() ?? '';

function asJson({ range, priceTable }: Task, diff: PriceDiff, outcome: { applied: boolean; written: number }): string {
  return JSON.stringify({ ...range, price_table: priceTable, ...outcome, total: diff.total(), models: diff.byModel() }, null, 2);
}

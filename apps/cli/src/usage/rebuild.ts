/** `usage:rebuild-rollups`: whether the sums are those of their rows, and making them so. */
import {
  actingAsSystem,
  checkRollups,
  closeDatabase,
  oldestUsage,
  openDatabase,
  rebuildRollups,
  recordDeeds,
  wholeMonths,
  type Db,
} from '@llm-gateway/db';
import { EXIT, readOptions, type Command, type ExitCode, type Surroundings } from '../command.js';
import { Progress } from '../progress.js';
import { count } from '../table.js';
import { readRange, type TimeRange } from '../time-range.js';
import { dayOf, isWrong, rollupCheckJson, rollupCheckText } from './rollup-check-text.js';

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  apply: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** The sums of a busy month are one statement; nobody waits for this command but its operator. */
const STATEMENT_TIMEOUT_MS = 600_000;

interface Task extends Surroundings {
  db: Db;
  /** Of whole months that have their rows. */
  range: TimeRange;
  json: boolean;
}

export const rebuild: Command = async (args, surroundings) => {
  const options = readOptions(args, OPTIONS);
  const asked = readRange(options.from, options.to);
  const db = openDatabase(surroundings.databaseUrl(), { poolSize: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  try {
    const range = await withRows(db, wholeMonths(asked), surroundings.note);
    const task: Task = { ...surroundings, db, range, json: options.json };
    return options.apply ? await apply(task) : await check(task);
  } finally {
    await closeDatabase(db);
  }
};

/** @returns the range without the months whose rows are gone: rebuilt, their sums would be nothing. */
async function withRows(db: Db, range: TimeRange, note: (line: string) => void): Promise<TimeRange> {
  const oldest = await oldestUsage(db);
  const first = oldest ? wholeMonths({ from: oldest, to: new Date(oldest.getTime() + 1) }).from : range.to;
  if (first <= range.from) return range;
  const from = first < range.to ? first : range.to;
  note(`there are no rows of ${dayOf(range.from)} up to ${dayOf(from)}: what sums there are of that time stay as they are`);
  return { ...range, from };
}

async function check({ db, range, signal, note, out, json }: Task): Promise<ExitCode> {
  const progress = new Progress(note);
  const onDay = (day: Date) => progress.say(() => `compared up to ${dayOf(day)}`);
  const months = await checkRollups(db, { ...range, signal, onDay });
  if (signal.aborted) return EXIT.stopped;
  out(json ? rollupCheckJson(range, months) : rollupCheckText(range, months));
  return months.some(isWrong) ? EXIT.found : EXIT.ok;
}

/** Day by day, each in a transaction of its own: what is rebuilt stays. */
async function apply({ db, range, signal, note, out, json }: Task): Promise<ExitCode> {
  const progress = new Progress(note);
  let days = 0;
  let reached = range.from;
  // From the last day rebuilt, not the one after it: its month's own sums may be still to come.
  const goOn = () => `${count(days)} days are rebuilt; go on with --from ${dayOf(reached)}`;
  const onDay = (day: Date) => {
    days += 1;
    reached = day;
    progress.say(() => `rebuilt up to ${dayOf(day)}`);
  };
  if (range.from < range.to) await record(db, range);
  await rebuildRollups(db, { ...range, signal, onDay }).catch((error: unknown) => {
    note(goOn());
    throw error;
  });
  if (signal.aborted) {
    note(`stopped; ${goOn()}`);
    return EXIT.stopped;
  }
  out(
    json
      ? JSON.stringify({ ...range, applied: true, days }, null, 2)
      : `Rebuilt the sums of ${count(days)} days and their months.`,
  );
  return EXIT.ok;
}

const DAY_MS = 86_400_000;

/** Before the first day: what cannot be put on record is not done. A run that is stopped rebuilds fewer days. */
async function record(db: Db, { from, to }: TimeRange): Promise<void> {
  const after = { command: 'usage:rebuild-rollups', from, to, days: (to.getTime() - from.getTime()) / DAY_MS };
  const entry = { action: 'usage.rebuild_rollups', target: 'usage', targetId: '*', before: null, after };
  await recordDeeds(actingAsSystem(db), [entry]);
}

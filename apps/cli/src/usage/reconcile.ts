/** `usage:reconcile`: what we have counted beside what the vendor will bill. */
import { billedUsage, closeDatabase, loadSnapshot, openDatabase, type Db } from '@llm-gateway/db';
import { EXIT, OperatorError, readOptions, type Command, type Surroundings } from '../command.js';
import { Progress } from '../progress.js';
import { readRange, type TimeRange } from '../time-range.js';
import { compare, type Day } from './compare.js';
import type { InvoiceLine } from './invoice-line.js';
import { readInvoice } from './read-invoice.js';
import { totalsOf, type Reconciliation } from './reconciliation.js';
import { reconciliationText } from './reconciliation-text.js';

const OPTIONS = {
  provider: { type: 'string', multiple: true, default: [] as string[] },
  file: { type: 'string', multiple: true, default: [] as string[] },
  from: { type: 'string' },
  to: { type: 'string' },
  tolerance: { type: 'string', default: '5' },
  json: { type: 'boolean', default: false },
} as const;

const DAY_MS = 86_400_000;
/** A busy day is one statement; nobody waits for this command but its operator. */
const STATEMENT_TIMEOUT_MS = 600_000;

/** Exits with 2 where there are gaps, so that a script can tell. It writes nothing. */
export const reconcile: Command = async (args, surroundings) => {
  const options = readOptions(args, OPTIONS);
  const providers = [...options.provider];
  if (providers.length === 0) throw new OperatorError('--provider is required');
  if (options.file.length === 0) throw new OperatorError('--file is required');
  const tolerance = readTolerance(options.tolerance);
  const given = options.from === undefined && options.to === undefined ? undefined : readDays(options.from, options.to);
  const invoices = await Promise.all(options.file.map(readInvoice));
  const all = invoices.flatMap(({ lines }) => lines);
  const range = given ?? rangeOf(all);
  const lines = linesIn(range, all);
  const days = await ourDays(range, providers, surroundings);
  if (!days) return EXIT.stopped;
  const compared = compare(days, lines, tolerance / 100);
  const result: Reconciliation = {
    providers,
    formats: [...new Set(invoices.map(({ format }) => format))],
    from: dayOf(range.from),
    to: dayOf(range.to),
    tolerance,
    gaps: compared.filter(({ gaps }) => gaps.length > 0).length,
    totals: totalsOf(compared),
    days: compared,
  };
  surroundings.out(options.json ? JSON.stringify(result, null, 2) : reconciliationText(result));
  return result.gaps > 0 ? EXIT.found : EXIT.ok;
};

function readTolerance(text: string): number {
  const tolerance = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && tolerance <= 100) return tolerance;
  throw new OperatorError('--tolerance must be a percentage from 0 to 100, such as 5');
}

/** Vendors bill by the day. */
function readDays(from: string | undefined, to: string | undefined): TimeRange {
  const range = readRange(from, to);
  if (range.from.getTime() % DAY_MS === 0 && range.to.getTime() % DAY_MS === 0) return range;
  throw new OperatorError('--from and --to must be whole days in UTC, such as 2026-11-01');
}

/** From the first day of the file to its last: what we have on a day between them that it leaves out is a gap. */
function rangeOf(lines: readonly InvoiceLine[]): TimeRange {
  const days = lines.map(({ day }) => day).sort();
  const from = new Date(days.at(0) ?? '');
  return { from, to: new Date(new Date(days.at(-1) ?? '').getTime() + DAY_MS) };
}

/** @throws OperatorError where there is none: nothing to compare would look like no gap. */
function linesIn(range: TimeRange, all: readonly InvoiceLine[]): InvoiceLine[] {
  const [from, to] = [dayOf(range.from), dayOf(range.to)];
  const lines = all.filter(({ day }) => day >= from && day < to);
  if (lines.length > 0) return lines;
  const days = all.map(({ day }) => day).sort();
  throw new OperatorError(`the files have no line from ${from} up to ${to}: theirs are from ${days.at(0)} to ${days.at(-1)}`);
}

/** @returns null when the operator wants it to stop. Day by day, because one query over a busy month would take too long. */
async function ourDays(range: TimeRange, providers: string[], surroundings: Surroundings): Promise<Day[] | null> {
  const db = openDatabase(surroundings.databaseUrl(), { poolSize: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  const progress = new Progress(surroundings.note);
  const days: Day[] = [];
  try {
    await demandProviders(db, range, providers);
    for (let from = range.from; from < range.to; from = new Date(from.getTime() + DAY_MS)) {
      if (surroundings.signal.aborted) return null;
      const usage = await billedUsage(db, { from, to: new Date(from.getTime() + DAY_MS) }, providers);
      days.push({ day: dayOf(from), usage });
      progress.say(() => `added up to ${dayOf(from)}`);
    }
  } finally {
    await closeDatabase(db);
  }
  return days;
}

/** A misspelt name would look like a month without usage. One that is deleted still has its attempts. */
async function demandProviders(db: Db, range: TimeRange, providers: readonly string[]): Promise<void> {
  const known = (await loadSnapshot(db)).providers.map(({ name }) => name);
  for (const name of providers) {
    if (known.includes(name) || (await billedUsage(db, range, [name])).length > 0) continue;
    throw new OperatorError(`no provider is called ${name}, and none was then. There are: ${known.join(', ') || 'none'}`);
  }
}

const dayOf = (moment: Date): string => moment.toISOString().slice(0, 10);

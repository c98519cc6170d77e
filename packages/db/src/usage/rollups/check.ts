/** Holds the sums against the rows that they are of. Writes nothing. */
import { query, transaction, type Db, type Queryable } from '../../connection/database.js';
import { Prisma } from '../../generated/client.js';
import { bucketOf, COARSE_GRAINS, CUBES, cubesOf, FINE_GRAINS, type Grain } from './cubes.js';
import { eachSum, factsOf, SUMS, type Sum } from './facts.js';
import { busyHours, daysOf, monthsOf, type Span } from './spans.js';

type Sums = Record<Sum, number>;

/** What a month's requests come to, and what its sums say that they do. */
export interface CheckedMonth {
  month: Date;
  counted: Sums;
  /** The days' sums over everything. */
  stored: Sums;
  /** Days of which a set of sums comes to something else than the rows. */
  wrongDays: Date[];
  /** Whether the sums of the month, or of one of its pentads, are not those of its days. */
  wrongMonth: boolean;
}

export interface Checking extends Span {
  /** Told after each day. */
  onDay?: (day: Date) => void;
  /** Aborts between two days: what it returns then ends with the last whole month. */
  signal?: AbortSignal;
}

const NOTHING = Object.fromEntries(SUMS.map((name) => [name, 0])) as Sums;
const TOTALS = eachSum((name) => `coalesce(sum(${name}), 0)::float8 AS ${name}`);
const KNOWN = CUBES.map((cube) => cube.dimensions);

/** Every month that a range touches, whole. Each set of sums is added up and compared; the histograms of latencies are not looked at. */
export async function checkRollups(db: Db, { from, to, onDay, signal }: Checking): Promise<CheckedMonth[]> {
  const months: CheckedMonth[] = [];
  for (const month of monthsOf({ from, to })) {
    let [counted, stored] = [NOTHING, NOTHING];
    const wrongDays: Date[] = [];
    for (const day of daysOf(month)) {
      if (signal?.aborted) return months;
      const checked = await checkDay(db, day);
      counted = plus(counted, checked.counted);
      stored = plus(stored, checked.stored);
      if (checked.isWrong) wrongDays.push(day.from);
      onDay?.(day.from);
    }
    months.push({ month: month.from, counted, stored, wrongDays, wrongMonth: await isMonthWrong(db, month) });
  }
  return months;
}

const plus = (a: Sums, b: Sums): Sums => Object.fromEntries(SUMS.map((name) => [name, a[name] + b[name]])) as Sums;
const isSame = (a: Sums, b: Sums): boolean => SUMS.every((name) => a[name] === b[name]);

/** Rows and sums as of one moment, or a writer in between would look like a fault. */
async function checkDay(db: Db, day: Span): Promise<{ counted: Sums; stored: Sums; isWrong: boolean }> {
  const read = async (tx: Queryable) => {
    const counted = await count(tx, day);
    const rows = await tx.$queryRaw<({ name: string } & Sums)[]>`
      SELECT dimensions || grain AS name, ${TOTALS} FROM llm_usage_rollups
      WHERE dimensions = ANY (${KNOWN}) AND grain = ANY (${[...FINE_GRAINS]}) AND bucket >= ${day.from} AND bucket < ${day.to}
      GROUP BY dimensions, grain`;
    const stored = new Map(rows.map(({ name, ...sums }) => [name, sums]));
    const sets = FINE_GRAINS.flatMap((grain) => cubesOf(grain).map((dimensions) => `${dimensions}${grain}`));
    const isWrong = sets.some((name) => !isSame(counted, stored.get(name) ?? NOTHING));
    return { counted, stored: stored.get('0day') ?? NOTHING, isWrong };
  };
  return transaction(db, read, 'RepeatableRead');
}

async function count(tx: Queryable, day: Span): Promise<Sums> {
  let total = NOTHING;
  for (const span of await busyHours(tx, day)) {
    const where = Prisma.sql`created_at >= ${span.from} AND created_at < ${span.to}`;
    const [sums = NOTHING] = await tx.$queryRaw<Sums[]>`WITH ${factsOf({ where, span })} SELECT ${TOTALS} FROM facts`;
    total = plus(total, sums);
  }
  return total;
}

async function isMonthWrong(db: Db, month: Span): Promise<boolean> {
  for (const grain of COARSE_GRAINS) if (await differsFromDays(db, month, grain)) return true;
  return false;
}

async function differsFromDays(db: Db, { from, to }: Span, grain: Grain): Promise<boolean> {
  const differs = Prisma.raw(SUMS.map((name) => `sum(CASE grain WHEN 'day' THEN ${name} ELSE -${name} END) <> 0`).join(' OR '));
  const rows = await query(
    db,
    (client) => client.$queryRaw<unknown[]>`
      SELECT dimensions FROM llm_usage_rollups
      WHERE dimensions = ANY (${cubesOf(grain)}) AND grain IN ('day', ${grain}) AND bucket >= ${from} AND bucket < ${to}
      GROUP BY dimensions, ${Prisma.raw(bucketOf(`'${grain}'`, 'bucket'))} HAVING ${differs}`,
  );
  return rows.length > 0;
}

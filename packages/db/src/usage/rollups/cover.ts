/** How a range is put together from months, pentads, days, hours and, at its ends, single requests, some of them taken off again. Pure. */
import type { Grain } from './cubes.js';

export interface Piece {
  /** `request`: from the requests' own rows. */
  grain: Grain | 'request';
  from: Date;
  /** Not included. */
  to: Date;
  /** -1: it is in a longer piece and does not belong to the range, so it is taken off. */
  sign: 1 | -1;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const floors: Record<Grain, (at: number) => number> = {
  hour: (at) => Math.floor(at / HOUR_MS) * HOUR_MS,
  day: (at) => Math.floor(at / DAY_MS) * DAY_MS,
  pentad: (at) => monthAround(at) + Math.min(5, Math.floor((new Date(at).getUTCDate() - 1) / 5)) * 5 * DAY_MS,
  month: (at) => monthAround(at),
};
const monthAround = (at: number): number => Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth());
/** The longest bucket of a grain, to step into the next one. */
const LONGEST_MS: Record<Grain, number> = { hour: HOUR_MS, day: DAY_MS, pentad: 6 * DAY_MS, month: 31 * DAY_MS };

interface Bounds {
  before: number;
  after: number;
}

/** The bucket's beginning and end around a moment; both are the moment where a bucket begins. */
const bucketAround = (grain: Grain, at: number): Bounds => {
  const before = floors[grain](at);
  return { before, after: before === at ? at : floors[grain](before + LONGEST_MS[grain]) };
};

/** The nearer one: from there it is the least to add or to take off. */
const nearest = ({ before, after }: Bounds, at: number): number => (at - before < after - at ? before : after);

/**
 * @param grains those that there are, finest first. @returns pieces, few of the fine ones: added up, and those with sign -1 taken off, they
 * are the range.
 */
export function cover({ from, to }: { from: Date; to: Date }, grains: readonly Grain[]): Piece[] {
  const ends: Piece[] = [];
  let [start, end] = [from.getTime(), to.getTime()];
  let finer: Piece['grain'] = 'request';
  for (const grain of grains) {
    const [first, last] = [nearest(bucketAround(grain, start), start), nearest(bucketAround(grain, end), end)];
    // No bucket, or more to put right at its ends than the range is long.
    if (first >= last || Math.abs(first - start) + Math.abs(last - end) >= end - start) break;
    ends.push(between(finer, start, first), between(finer, last, end));
    [start, end, finer] = [first, last, grain];
  }
  return [between(finer, start, end), ...ends.reverse()].filter((one) => one.from < one.to);
}

/** What lies from one moment to the other; taken off where the other one is earlier. */
const between = (grain: Piece['grain'], at: number, other: number): Piece => ({
  grain,
  from: new Date(Math.min(at, other)),
  to: new Date(Math.max(at, other)),
  sign: at <= other ? 1 : -1,
});

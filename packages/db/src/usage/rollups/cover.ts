/** How a range is put together from months, days, hours and, at its ends, single requests. Pure. */
import type { Grain } from './cubes.js';

export interface Piece {
  /** `request`: from the requests' own rows. */
  grain: Grain | 'request';
  from: Date;
  /** Not included. */
  to: Date;
}

const HOUR_MS = 3_600_000;

const floors: Record<Grain, (at: number) => number> = {
  hour: (at) => Math.floor(at / HOUR_MS) * HOUR_MS,
  day: (at) => Math.floor(at / (24 * HOUR_MS)) * 24 * HOUR_MS,
  month: (at) => Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth()),
};
/** The longest bucket of a grain, to step into the next one. */
const LONGEST_MS: Record<Grain, number> = { hour: HOUR_MS, day: 24 * HOUR_MS, month: 31 * 24 * HOUR_MS };

const ceilOf = (grain: Grain, at: number): number => {
  const floor = floors[grain](at);
  return floor === at ? at : floors[grain](floor + LONGEST_MS[grain]);
};

/**
 * @param grains those that there are, finest first. @returns pieces that do not overlap and leave no gap, few of the fine ones, in the
 * order of time.
 */
export function cover({ from, to }: { from: Date; to: Date }, grains: readonly Grain[]): Piece[] {
  let before: Piece[] = [];
  let after: Piece[] = [];
  let [start, end] = [from.getTime(), to.getTime()];
  let finer: Piece['grain'] = 'request';
  for (const grain of grains) {
    const [first, last] = [ceilOf(grain, start), floors[grain](end)];
    if (first >= last) break;
    before = [...before, piece(finer, start, first)];
    after = [piece(finer, last, end), ...after];
    [start, end, finer] = [first, last, grain];
  }
  return [...before, piece(finer, start, end), ...after].filter((one) => one.from < one.to);
}

const piece = (grain: Piece['grain'], from: number, to: number): Piece => ({ grain, from: new Date(from), to: new Date(to) });

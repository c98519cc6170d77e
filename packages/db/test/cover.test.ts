import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cover } from '../src/usage/rollups/cover.js';
import { GRAINS } from '../src/usage/rollups/cubes.js';

const USUAL = ['hour', 'day', 'month'] as const;
const span = (from: string, to: string) => ({ from: new Date(from), to: new Date(to) });
const shown = (from: string, to: string, grains: readonly (typeof GRAINS)[number][] = USUAL) =>
  cover(span(from, to), grains).map(
    (piece) => `${piece.sign === 1 ? '' : '-'}${piece.grain} ${piece.from.toISOString().slice(0, 16)}`,
  );

describe('a range', () => {
  it('is months, days, hours and, at its ends, requests', () => {
    expect(shown('2026-01-30T22:31:00Z', '2026-04-02T02:15:00Z')).toEqual([
      'month 2026-02-01T00:00',
      'day 2026-04-01T00:00',
      'day 2026-01-31T00:00',
      'hour 2026-04-02T00:00',
      'hour 2026-01-30T23:00',
      'request 2026-04-02T02:00',
      'request 2026-01-30T22:31',
    ]);
  });

  it('is a longer bucket less what lies outside, where that is less to read', () => {
    expect(shown('2026-01-03T01:10:00Z', '2026-02-27T22:55:00Z')).toEqual([
      'month 2026-01-01T00:00',
      '-day 2026-02-28T00:00',
      '-day 2026-01-01T00:00',
      '-hour 2026-02-27T23:00',
      '-hour 2026-01-03T00:00',
      '-request 2026-02-27T22:55',
      '-request 2026-01-03T01:00',
    ]);
  });

  it('has pentads between months and days, where they are kept', () => {
    expect(shown('2026-01-08T00:00:00Z', '2026-02-14T00:00:00Z', GRAINS)).toEqual([
      'month 2026-01-01T00:00',
      '-pentad 2026-02-16T00:00',
      '-pentad 2026-01-01T00:00',
      '-day 2026-02-14T00:00',
      '-day 2026-01-06T00:00',
    ]);
    expect(shown('2026-03-26T00:00:00Z', '2026-04-01T00:00:00Z', GRAINS)).toEqual(['pentad 2026-03-26T00:00']);
  });

  it('is one piece where a grain fits', () => {
    expect(shown('2026-02-01T00:00:00Z', '2026-05-01T00:00:00Z')).toEqual(['month 2026-02-01T00:00']);
    expect(shown('2026-02-01T10:00:00Z', '2026-02-01T11:00:00Z')).toEqual(['hour 2026-02-01T10:00']);
    expect(shown('2026-02-01T10:20:00Z', '2026-02-01T10:50:00Z')).toEqual(['request 2026-02-01T10:20']);
  });

  it('goes without the grains that there are not', () => {
    expect(shown('2026-01-31T22:30:00Z', '2026-02-02T00:00:00Z', ['day'])).toEqual([
      'day 2026-02-01T00:00',
      'request 2026-01-31T22:30',
    ]);
    expect(shown('2026-01-01T00:00:00Z', '2026-03-01T00:00:00Z', [])).toEqual(['request 2026-01-01T00:00']);
  });

  it('is what its pieces come to, none of which cuts a bucket', () => {
    const time = fc.date({ min: new Date('2023-12-01'), max: new Date('2028-04-01'), noInvalidDate: true });
    fc.assert(
      fc.property(time, time, time, fc.subarray([...GRAINS]), (a, b, moment, grains) => {
        const range = a < b ? { from: a, to: b } : { from: b, to: a };
        const pieces = cover(range, grains);
        for (const { grain, from, to } of pieces) {
          const edge = {
            request: /Z$/,
            hour: /:00:00\.000Z$/,
            day: /T00:00:00\.000Z$/,
            pentad: /-(01|06|11|16|21|26)T00:00:00\.000Z$/,
            month: /-01T00:00:00\.000Z$/,
          }[grain];
          expect([from, to].every((at) => edge.test(at.toISOString()))).toBe(true);
        }
        // Any moment, and those beside every edge.
        const edges = [range, ...pieces].flatMap(({ from, to }) => [+from - 1, +from, +to - 1, +to]);
        for (const at of [+moment, ...edges]) {
          const counted = pieces.reduce((sum, { from, to, sign }) => sum + (+from <= at && at < +to ? sign : 0), 0);
          expect(counted).toBe(+range.from <= at && at < +range.to ? 1 : 0);
        }
      }),
    );
  });
});

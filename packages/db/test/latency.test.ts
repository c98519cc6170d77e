import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { percentiles, unpackBins, type Bin } from '../src/usage/rollups/latency.js';

const GAMMA = 1.03 / 0.97;
/** What the database does with LATENCY_BIN. */
const binOf = (ms: number): number => Math.min(255, Math.max(0, Math.ceil(Math.log(Math.max(ms, 1)) / Math.log(GAMMA))));
const histogram = (latencies: number[]): Bin[] => {
  const counts = new Map<number, number>();
  for (const bin of latencies.map(binOf)) counts.set(bin, (counts.get(bin) ?? 0) + 1);
  return [...counts].map(([bin, count]) => ({ bin, count }));
};

describe('percentiles of a histogram', () => {
  it('are within 3 % of the truth, rounded to whole ms', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 300 }), (latencies) => {
        const sorted = latencies.sort((a, b) => a - b);
        const exact = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? NaN;
        const found = percentiles(histogram(latencies));
        for (const [q, value] of [
          [0.5, found.p50],
          [0.95, found.p95],
          [0.99, found.p99],
        ] as const) {
          expect(Math.abs((value ?? NaN) - exact(q))).toBeLessThanOrEqual(exact(q) * 0.0301 + 0.5);
        }
      }),
    );
  });

  it('are the same whatever the parts were that were added up', () => {
    const all = Array.from({ length: 500 }, (_, index) => 1 + ((index * 7_919) % 60_000));
    const parts = [histogram(all.slice(0, 100)), histogram(all.slice(100))].flat();
    const added = [...new Set(parts.map(({ bin }) => bin))].map((bin) => ({
      bin,
      count: parts.filter((part) => part.bin === bin).reduce((sum, { count }) => sum + count, 0),
    }));
    expect(percentiles(added)).toEqual(percentiles(histogram(all)));
  });

  it('are unknown where nothing was counted, or was taken away again', () => {
    expect(percentiles([])).toEqual({ p50: null, p95: null, p99: null });
    expect(percentiles([{ bin: 7, count: 0 }])).toEqual({ p50: null, p95: null, p99: null });
  });
});

describe('a histogram as PostgreSQL hands it out', () => {
  const element = fc.record({ count: fc.integer({ min: -5, max: 2 ** 44 }), bin: fc.integer({ min: 0, max: 255 }) });
  const packed = (elements: Bin[]): string => elements.map(({ count, bin }) => String(count * 256 + bin)).join(',');
  const countOf = (elements: Bin[], bin: number) =>
    elements.filter((one) => one.bin === bin).reduce((sum, { count }) => sum + count, 0);

  it('has the elements of a bin added up, less what is taken off', () => {
    const someElements = fc.array(element, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(someElements, someElements, (added, taken) => {
        const bins = unpackBins({ added: packed(added), taken: packed(taken) });
        for (const { bin, count } of bins) expect(count).toBe(countOf(added, bin) - countOf(taken, bin));
      }),
    );
  });

  it('may be of nothing', () => {
    expect(unpackBins({ added: null, taken: null }).filter(({ count }) => count !== 0)).toEqual([]);
  });
});

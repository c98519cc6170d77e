/**
 * Latencies as histograms that can be added up, so that percentiles of any range come from the same numbers: the bins of DDSketch
 * (Masson, Rim, Lee: "DDSketch", VLDB 2019), whose width grows with the value, so that every quantile is within 3 % of the truth.
 *
 * In the database a histogram is a bigint[] of `count * 256 + bin`: it adds up in SQL, and a row with few requests stays small.
 */
import { Prisma } from '../../generated/client.js';

const RELATIVE_ERROR = 0.03;
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);

/** The bin of a latency in ms: 0 for up to 1 ms, 222 for ten minutes, 255 at most. */
export const LATENCY_BIN = Prisma.sql`least(255, greatest(0, ceil(ln(greatest(latency_ms, 1)) / ${Prisma.raw(String(Math.log(GAMMA)))})))::integer`;

/** The value that no latency of the bin is further away from than the relative error, in ms. */
const valueOf = (bin: number): number => (bin === 0 ? 1 : (2 * GAMMA ** bin) / (GAMMA + 1));

export interface Bin {
  bin: number;
  count: number;
}

const BINS = 256;

/** Histograms as PostgreSQL hands them out: elements of the stored form, separated by commas. */
export interface PackedHistogram {
  /** null: nothing. Elements of one bin are added up. */
  added: string | null;
  /** Elements to be taken off again. */
  taken: string | null;
}

export function unpackBins({ added, taken }: PackedHistogram): Bin[] {
  const counts = new Float64Array(BINS);
  if (added !== null) addElements(counts, added, 1);
  if (taken !== null) addElements(counts, taken, -1);
  return Array.from(counts, (count, bin) => ({ bin, count }));
}

const [MINUS, COMMA, ZERO] = [45, 44, 48];

/** Digit by digit: fifty lines are tens of thousands of elements, and a string for each of them was half of what the API did here. */
function addElements(counts: Float64Array, packed: string, sign: 1 | -1): void {
  let [digits, factor] = [0, 1];
  for (let at = 0; at <= packed.length; at += 1) {
    const code = at < packed.length ? packed.charCodeAt(at) : COMMA;
    if (code === MINUS) factor = -1;
    if (code >= ZERO) digits = digits * 10 + code - ZERO;
    if (code !== COMMA) continue;
    const count = Math.floor((digits * factor) / BINS);
    const bin = digits * factor - count * BINS;
    counts[bin] = (counts[bin] ?? 0) + sign * count;
    [digits, factor] = [0, 1];
  }
}

export interface Percentiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/** @returns whole ms; null where nothing was counted. */
export function percentiles(bins: readonly Bin[]): Percentiles {
  const filled = bins.filter(({ count }) => count > 0).sort((a, b) => a.bin - b.bin);
  const total = filled.reduce((sum, { count }) => sum + count, 0);
  const quantile = (q: number): number | null => {
    let below = 0;
    for (const { bin, count } of filled) {
      below += count;
      if (below > q * (total - 1)) return Math.round(valueOf(bin));
    }
    return null;
  };
  return { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99) };
}

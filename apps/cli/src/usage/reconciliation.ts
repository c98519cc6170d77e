import { MEASURES, type Amounts, type Comparison, type Measure } from './compare.js';

/** The result of a reconciliation, as `--json` prints it. */
export interface Reconciliation {
  providers: string[];
  /** The kinds of the files. */
  formats: string[];
  from: string;
  /** Not included. */
  to: string;
  /** Percent. */
  tolerance: number;
  /** Days and models with a difference above the tolerance. */
  gaps: number;
  totals: { ours: Amounts; theirs: Record<Measure, number | null> };
  days: Comparison[];
}

export function totalsOf(days: readonly Comparison[]): Reconciliation['totals'] {
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  const ours = MEASURES.map((measure) => [measure, sum(days.map((day) => day.ours[measure]))]);
  const theirs = MEASURES.map((measure) => {
    const told = days.flatMap((day) => day.theirs[measure] ?? []);
    return [measure, told.length > 0 ? sum(told) : null];
  });
  return {
    ours: Object.fromEntries(ours) as Amounts,
    theirs: Object.fromEntries(theirs) as Record<Measure, number | null>,
  };
}

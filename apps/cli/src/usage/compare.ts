import type { BilledUsage } from '@llm-gateway/db';
import { nanoToUsd } from '@llm-gateway/shared';
import type { InvoiceLine } from './invoice-line.js';
import { modelKey } from './model-key.js';

export const MEASURES = ['input_tokens', 'output_tokens', 'cost_usd'] as const;
export type Measure = (typeof MEASURES)[number];
export type Amounts = Record<Measure, number>;

/** One model on one day, as we have it and as the vendor does. */
export interface Comparison {
  day: string;
  model: string;
  ours: Amounts & { attempts: number; unpriced: number; estimated: number };
  /** null: the files do not tell. */
  theirs: Record<Measure, number | null>;
  gaps: Gap[];
}

export interface Gap {
  measure: Measure;
  /** Ours less theirs. */
  difference: number;
  /** Of theirs; null where they have none. */
  share: number | null;
}

export interface Day {
  day: string;
  usage: BilledUsage[];
}

interface Pair {
  ours: Comparison['ours'];
  theirs: Amounts;
  roundingUsd: number;
}

/**
 * Sets our attempts beside the vendor's lines, by day and model.
 * @param tolerance the share of theirs that a difference may be without being a gap.
 */
export function compare(days: readonly Day[], lines: readonly InvoiceLine[], tolerance: number): Comparison[] {
  const told = toldMeasures(lines);
  return [...pairUp(days, lines)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { ours, theirs, roundingUsd }]) => {
      const [day = '', model = ''] = key.split('\n');
      const gaps = MEASURES.filter((measure) => told[measure]).flatMap((measure) => {
        const slack = measure === 'cost_usd' ? roundingUsd : 0;
        return gapBetween(measure, ours[measure], { theirs: theirs[measure], slack, tolerance });
      });
      const shown = Object.fromEntries(MEASURES.map((measure) => [measure, told[measure] ? theirs[measure] : null]));
      return { day, model, ours, theirs: shown as Comparison['theirs'], gaps };
    });
}

function gapBetween(measure: Measure, ours: number, against: { theirs: number; slack: number; tolerance: number }): Gap[] {
  const { theirs, slack, tolerance } = against;
  const difference = ours - theirs;
  // Half a nano-dollar: what floating point leaves of equal amounts.
  if (Math.abs(difference) <= Math.max(tolerance * Math.abs(theirs), slack, 5e-10)) return [];
  return [{ measure, difference, share: theirs === 0 ? null : difference / Math.abs(theirs) }];
}

/** A measure that no line tells is not compared; one that some tell is 0 in the others. */
const toldMeasures = (lines: readonly InvoiceLine[]): Record<Measure, boolean> => ({
  input_tokens: lines.some(({ inputTokens }) => inputTokens !== null),
  output_tokens: lines.some(({ outputTokens }) => outputTokens !== null),
  cost_usd: lines.some(({ costNanoUsd }) => costNanoUsd !== null),
});

function pairUp(days: readonly Day[], lines: readonly InvoiceLine[]): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  const pairOf = (day: string, model: string): Pair => {
    const key = `${day}\n${modelKey(model)}`;
    const pair = pairs.get(key) ?? newPair();
    pairs.set(key, pair);
    return pair;
  };
  for (const { day, usage } of days) for (const one of usage) addOurs(pairOf(day, one.model).ours, one);
  for (const line of lines) addTheirs(pairOf(line.day, line.model), line);
  return pairs;
}

const nothing = (): Amounts => ({ input_tokens: 0, output_tokens: 0, cost_usd: 0 });
const newPair = (): Pair => ({
  ours: { attempts: 0, ...nothing(), unpriced: 0, estimated: 0 },
  theirs: nothing(),
  roundingUsd: 0,
});

function addOurs(ours: Comparison['ours'], usage: BilledUsage): void {
  ours.attempts += usage.attempts;
  ours.input_tokens += usage.inputTokens;
  ours.output_tokens += usage.outputTokens;
  ours.cost_usd += nanoToUsd(usage.costNanoUsd);
  ours.unpriced += usage.unpriced;
  ours.estimated += usage.estimated;
}

function addTheirs(pair: Pair, line: InvoiceLine): void {
  pair.theirs.input_tokens += line.inputTokens ?? 0;
  pair.theirs.output_tokens += line.outputTokens ?? 0;
  pair.theirs.cost_usd += nanoToUsd(line.costNanoUsd ?? 0);
  pair.roundingUsd += nanoToUsd(line.roundingNanoUsd);
}

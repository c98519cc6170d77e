import { count, percent, table, usd } from '../table.js';
import { MEASURES, type Comparison, type Gap, type Measure } from './compare.js';
import type { Reconciliation } from './reconciliation.js';

const NUMBERS = new Set([3, 4, 5, 6]);
const HEADER = ['day', 'model', 'measure', 'ours', "vendor's", 'difference', ''];

/** For a person: how much agrees, every gap by name, and what may be behind it. */
export function reconciliationText(result: Reconciliation): string {
  const { providers, formats, from, to, tolerance, days, totals } = result;
  const withGaps = days.filter(({ gaps }) => gaps.length > 0);
  const title = `${providers.join(' and ')} beside ${formats.join(' and ')}, ${from} up to ${to} (not included), UTC`;
  const figures = MEASURES.map((measure) => [
    'all days',
    'all models',
    ...line(measure, totals.ours[measure], totals.theirs[measure]),
  ]);
  const rows = withGaps.flatMap((day) => day.gaps.map((gap) => gapRow(day, gap)));
  const verdict =
    withGaps.length === 0
      ? `No gap over ${tolerance} % in ${count(days.length)} days of models.`
      : `Gaps over ${tolerance} % in ${count(withGaps.length)} of ${count(days.length)} days of models.`;
  return [title, '', table(HEADER, [...rows, ...figures], NUMBERS), '', verdict, ...remarks(withGaps)].join('\n');
}

const gapRow = ({ day, model, ours, theirs }: Comparison, { measure }: Gap): string[] => [
  day,
  model,
  ...line(measure, ours[measure], theirs[measure]),
];

function line(measure: Measure, ours: number, theirs: number | null): string[] {
  const show = measure === 'cost_usd' ? usd : count;
  if (theirs === null) return [measure, show(ours), 'not told', '', ''];
  const share = theirs === 0 ? (ours === 0 ? 0 : null) : (ours - theirs) / Math.abs(theirs);
  return [measure, show(ours), show(theirs), show(ours - theirs), percent(share)];
}

function remarks(gaps: readonly Comparison[]): string[] {
  const sum = (of: (one: Comparison) => number): number => gaps.reduce((total, one) => total + of(one), 0);
  const unpriced = sum(({ ours }) => ours.unpriced);
  const estimated = sum(({ ours }) => ours.estimated);
  const notOurs = gaps.filter(({ ours }) => ours.attempts === 0).length;
  const notTheirs = gaps.filter(({ theirs }) => MEASURES.every((measure) => !theirs[measure])).length;
  return [
    unpriced > 0 && `${count(unpriced)} of our calls in them have no price: their cost is missing from ours.`,
    estimated > 0 && `${count(estimated)} of our calls in them were never answered: their tokens are estimated.`,
    notOurs > 0 && `${count(notOurs)} are on the vendor's side alone: was the account used past the gateway?`,
    notTheirs > 0 &&
      `${count(notTheirs)} are on our side alone: is it the right account, and does the file have all days and models?`,
  ].filter((remark) => remark !== false);
}

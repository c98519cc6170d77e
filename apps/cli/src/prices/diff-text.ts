import { count, percent, table, usd } from '../table.js';
import type { TimeRange } from '../time-range.js';
import type { DiffFigures, PriceDiff } from './price-diff.js';

const HEADER = ['provider', 'model', 'attempts', 'changed', 'cost USD', 'new cost USD', 'difference', '', 'kept', 'unpriced'];
const NUMBERS = new Set([2, 3, 4, 5, 6, 7, 8, 9]);

/** What a re-pricing would do, for a person: the models that it touches, and all in one line. */
export function diffText({ from, to }: TimeRange, diff: PriceDiff): string {
  const models = diff.byModel();
  const touched = models.filter(({ changed, kept, unpriced }) => changed + kept + unpriced > 0);
  const title = `Attempts from ${from.toISOString()} to ${to.toISOString()}: ${count(diff.total().attempts)} of ${count(models.length)} models`;
  if (touched.length === 0) return `${title}. Every cost is right as it stands.`;
  const rows = touched.map(({ provider, model, ...figures }) => [provider, model, ...cells(figures)]);
  const lines = [title, '', table(HEADER, [...rows, ['all', '', ...cells(diff.total())]], NUMBERS)];
  if (touched.length < models.length)
    lines.push('', `Not shown: ${count(models.length - touched.length)} models that stay as they are.`);
  return [...lines, ...remarks(diff.total())].join('\n');
}

function cells(figures: DiffFigures): string[] {
  const { attempts, changed, old_cost_usd: before, new_cost_usd: after, kept, unpriced } = figures;
  const share = before === 0 ? (after === 0 ? 0 : null) : (after - before) / before;
  return [
    count(attempts),
    count(changed),
    usd(before),
    usd(after),
    usd(after - before),
    percent(share),
    count(kept),
    count(unpriced),
  ];
}

function remarks({ kept, unpriced, estimated }: DiffFigures): string[] {
  const lines = [
    kept > 0 && `kept: ${count(kept)} costs that cannot be worked out any more, because their model or provider is gone.`,
    unpriced > 0 && `unpriced: ${count(unpriced)} attempts for which no price is known; their requests count as unpriced too.`,
    estimated > 0 &&
      `${count(estimated)} attempts have estimated tokens: their costs are re-priced, and stay flagged as estimated.`,
  ].filter((line) => line !== false);
  return lines.length > 0 ? ['', ...lines] : [];
}

import type { CheckedMonth } from '@llm-gateway/db';
import { nanoToUsd } from '@llm-gateway/shared';
import { count, table, usd } from '../table.js';
import type { TimeRange } from '../time-range.js';

export const dayOf = (moment: Date): string => moment.toISOString().slice(0, 10);
export const isWrong = ({ wrongDays, wrongMonth }: CheckedMonth): boolean => wrongDays.length > 0 || wrongMonth;

const HEADER = ['month', 'requests', 'in the sums', 'cost USD', 'in the sums', 'wrong days', "month's own sums"];
const NUMBERS = new Set([1, 2, 3, 4, 5]);

const monthsOf = (number: number): string => `${count(number)} ${number === 1 ? 'month' : 'months'}`;

/** For a person: each month, whether right or not. */
export function rollupCheckText({ from, to }: TimeRange, months: readonly CheckedMonth[]): string {
  const wrong = months.filter(isWrong);
  const verdict =
    wrong.length === 0
      ? `The sums of ${monthsOf(months.length)} are those of their rows.`
      : `The sums of ${count(wrong.length)} of ${monthsOf(months.length)} are not those of their rows: add --apply to make them anew.`;
  const days = wrong.flatMap(({ wrongDays }) => wrongDays.map(dayOf));
  return [
    `Usage from ${dayOf(from)} up to ${dayOf(to)} (not included), UTC`,
    '',
    table(HEADER, months.map(row), NUMBERS),
    '',
    ...(days.length > 0 ? [`Wrong: ${days.join(' ')}`, ''] : []),
    verdict,
  ].join('\n');
}

const row = ({ month, counted, stored, wrongDays, wrongMonth }: CheckedMonth): string[] => [
  dayOf(month).slice(0, 7),
  count(counted.requests),
  count(stored.requests),
  usd(nanoToUsd(counted.cost_nano_usd)),
  usd(nanoToUsd(stored.cost_nano_usd)),
  count(wrongDays.length),
  wrongMonth ? 'wrong' : 'right',
];

export function rollupCheckJson(range: TimeRange, months: readonly CheckedMonth[]): string {
  const shown = months.map(({ month, counted, stored, wrongDays, wrongMonth }) => ({
    month: dayOf(month).slice(0, 7),
    counted,
    stored,
    wrong_days: wrongDays.map(dayOf),
    wrong_month: wrongMonth,
  }));
  return JSON.stringify({ ...range, applied: false, wrong: months.filter(isWrong).length, months: shown }, null, 2);
}

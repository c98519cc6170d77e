import { OperatorError } from './command.js';

/** Half open, as everywhere: `to` is not included. */
export interface TimeRange {
  from: Date;
  to: Date;
}

const MOMENT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/**
 * Reads `--from` and `--to`: days (`2026-11-01`, midnight UTC) or moments with a zone (`2026-11-01T06:00:00Z`).
 * @throws OperatorError where one is missing or unreadable, or the range is empty.
 */
export function readRange(from: string | undefined, to: string | undefined): TimeRange {
  const range = { from: readMoment('--from', from), to: readMoment('--to', to) };
  if (range.from >= range.to) throw new OperatorError('--from must be before --to, which is not included');
  return range;
}

function readMoment(option: string, text: string | undefined): Date {
  if (text === undefined) throw new OperatorError(`${option} is required`);
  const moment = new Date(text);
  // Date.parse rolls 2026-02-30 over to March; a real day reads back as it was written.
  const isDay = !Number.isNaN(moment.getTime()) && new Date(text.slice(0, 10)).toISOString().startsWith(text.slice(0, 10));
  if (MOMENT.test(text) && isDay) return moment;
  throw new OperatorError(`${option} must be a day such as 2026-11-01, or a moment with its zone such as 2026-11-01T06:00:00Z`);
}

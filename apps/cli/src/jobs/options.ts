import { parseArgs, type ParseArgsConfig } from 'node:util';
import { OperatorError, optionProblem } from '../command.js';

/** The options that say which jobs. */
export const FILTER_OPTIONS = {
  status: { type: 'string' },
  provider: { type: 'string' },
  service: { type: 'string' },
  customer: { type: 'string' },
  from: { type: 'string' },
  to: { type: 'string' },
} as const;

type Options = NonNullable<ParseArgsConfig['options']>;
type Values<T extends Options> = ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true }>>['values'];

/** @returns options and the ids that stand beside them. @throws OperatorError for an option that there is not, or a missing value. */
export function readIdsAndOptions<const T extends Options>(args: string[], options: T): { values: Values<T>; ids: string[] } {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { values, ids: positionals };
  } catch (error) {
    throw optionProblem(error);
  }
}

type Filter = { [option in keyof typeof FILTER_OPTIONS]?: string | undefined };

/** @returns the filter as the API names its fields; a day means its midnight in UTC. */
export function toFilter({ status, provider, service, customer, from, to }: Filter): Record<string, string> {
  const fields = { status, provider, service, customer_id: customer, from: from && toMoment(from), to: to && toMoment(to) };
  return Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined));
}

const toMoment = (text: string): string => (/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);

/** @throws OperatorError where it is none from 1 to `max`. */
export function readCount(option: string, text: string, max: number): number {
  const count = /^\d{1,7}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= max) return count;
  throw new OperatorError(`--${option} must be a whole number from 1 to ${max}`);
}

import { parseArgs } from 'node:util';
import { CI_SELECTION, CI_LOAD, CI_SOAK_SECONDS } from './ci-selection.js';

export interface Options {
  only: readonly string[] | null;
  full: boolean;
  seconds: number | undefined;
  load: number;
  seed: number;
  list: boolean;
  json: boolean;
  /** The page whose figures are written anew. */
  report?: string;
}

/** @throws Error that names what is wrong with them. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    allowPositionals: false,
    options: {
      only: { type: 'string' },
      ci: { type: 'boolean', default: false },
      full: { type: 'boolean', default: false },
      seconds: { type: 'string' },
      load: { type: 'string' },
      seed: { type: 'string', default: '20261125' },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      report: { type: 'string' },
    },
  });
  const { ci, only, seconds, load } = values;
  if (ci && values.full) throw new Error('--ci is a short version: it does not go with --full');
  return {
    ...values,
    only: only === undefined ? (ci ? CI_SELECTION : null) : only.split(',').flatMap(range),
    seconds: seconds === undefined ? (ci ? CI_SOAK_SECONDS : undefined) : positive('seconds', seconds),
    load: load === undefined ? (ci ? CI_LOAD : 1) : positive('load', load),
    seed: positive('seed', values.seed),
  };
}

/** `3` is one test, `6-9` are four. */
function range(text: string): string[] {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text.trim()) ?? [];
  if (from === undefined || to === undefined) return [text.trim()];
  if (Number(from) > Number(to)) throw new Error(`--only takes a range from a lower number to a higher one, not ${text}`);
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => String(Number(from) + index));
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new Error(`--${name} takes a number above 0, not ${text}`);
  return value;
}

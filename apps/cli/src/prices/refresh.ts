/** `prices:refresh`: a newer price table, once it has been looked at. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { currentPriceTable, lossesOf, usePriceTable, type PriceTableInfo } from '@llm-gateway/providers';
import { EXIT, OperatorError, readOptions, type Command } from '../command.js';
import { count } from '../table.js';
import { tableInUse } from './table-in-use.js';

/** Where the authors of genai-prices publish it, after every change that they have reviewed. */
const PUBLISHED = 'https://raw.githubusercontent.com/pydantic/genai-prices/main/prices/new_data/v2/data.json';
const LONGEST_FETCH_MS = 30_000;

const OPTIONS = {
  source: { type: 'string', default: PUBLISHED },
  'dry-run': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

/** The table in use is replaced by a whole and checked one, or stays. */
export const refresh: Command = async (args, { out, note, pricesFile }) => {
  const options = readOptions(args, OPTIONS);
  const file = pricesFile();
  if (file === undefined && !options['dry-run']) {
    throw new OperatorError('PRICES_FILE: is required and not set: it names the file that keeps the table, or add --dry-run');
  }
  const current = await tableInPlace(file, note);
  const text = await readSource(options.source);
  // Used in this process alone, and so checked as the API and the workers will.
  const next = usePriceTable(text);
  const losses = lossesOf(current, next);
  if (losses.length > 0) throw new Error(['the table is refused, and the one in use stays:', ...losses].join('\n  '));
  const isWritten = file !== undefined && !options['dry-run'] && next.version !== current.version;
  if (isWritten) await replace(file, text);
  out(options.json ? JSON.stringify({ written: isWritten, current, next }, null, 2) : inWords(current, next, isWritten));
  return EXIT.ok;
};

/** A damaged file is what this command mends: API and workers have passed over it, and price by the bundled table where they started since. */
async function tableInPlace(file: string | undefined, note: (line: string) => void): Promise<PriceTableInfo> {
  try {
    return await tableInUse(file);
  } catch (error) {
    note(`${file}: ${error instanceof Error ? error.message : String(error)}; held against the bundled table instead`);
    return currentPriceTable();
  }
}

async function readSource(source: string): Promise<string> {
  try {
    if (!/^https?:/.test(source)) return await readFile(source, 'utf8');
    const response = await fetch(source, { redirect: 'error', signal: AbortSignal.timeout(LONGEST_FETCH_MS) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.text();
  } catch (error) {
    // fetch hides what happened in its cause.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const problem = `cannot get ${source}: ${cause instanceof Error ? cause.message : String(cause)}`;
    const hint = source === PUBLISHED ? '\nwhere the internet is out of reach, bring the file by hand: --source FILE' : '';
    throw new Error(problem + hint, { cause: error });
  }
}

/** Renamed into place, so that whoever reads it meanwhile gets all of one table. */
async function replace(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

function inWords(current: PriceTableInfo, next: PriceTableInfo, isWritten: boolean): string {
  const line = ({ version, models }: PriceTableInfo): string => `${version} with ${count(models)} models`;
  if (next.version === current.version) return `Nothing to do: ${line(current)} is the newest.`;
  return `${line(next)} ${isWritten ? 'takes the place of' : 'would take the place of'} ${line(current)}.`;
}

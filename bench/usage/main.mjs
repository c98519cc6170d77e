/** `npm run bench:usage`: see help.txt. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDatabase } from './database.mjs';
import { measureExport, rangeOfRows, SLOW } from './export.mjs';
import { measurePrice } from './price.mjs';
import { measureReads } from './reads.mjs';
import { misses, summaryTable } from './summary.mjs';
import { plot } from './plot.mjs';
import { measureWriter } from './writer.mjs';

const KINDS = ['reads', 'writer', 'export', 'price'];
const EXPORT_ROWS = 1_000_000;
const WRITER_REQUESTS = 60_000;

const options = readOptions();

if (options.help) process.stdout.write(await readFile(new URL('help.txt', import.meta.url), 'utf8'));
else process.exitCode = await run();

function readOptions() {
  try {
    return parseArgs({
      options: {
        rows: { type: 'string', default: '1000000,10000000' },
        only: { type: 'string', default: KINDS.join(',') },
        times: { type: 'string', default: '100' },
        keep: { type: 'string', default: '.data/bench-usage' },
        out: { type: 'string', default: 'bench/results' },
        fresh: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    console.error(`${error.message}\nnpm run bench:usage -- --help says what there is`);
    process.exit(1);
  }
}

async function run() {
  const only = options.only.split(',');
  const unknown = only.filter((kind) => !KINDS.includes(kind));
  const sizes = options.rows
    .split(',')
    .map(Number)
    .sort((a, b) => a - b);
  const times = Number(options.times);
  if (unknown.length > 0 || !sizes.every((size) => Number.isInteger(size) && size >= 1_000) || !(times >= 20)) {
    console.error(
      '--only, --rows (whole numbers from 1000 on) or --times (20 or more) is not as npm run bench:usage -- --help says',
    );
    return 1;
  }
  const figures = { reads: [], writer: [], export: [], price: [] };
  if (only.includes('price')) figures.price.push(measurePrice({ say }));
  if (options.fresh) await rm(options.keep, { recursive: true, force: true });
  if (only.some((kind) => kind !== 'price'))
    for (const rows of sizes) await measureSize(rows, { only, times, figures, isLargest: rows === sizes.at(-1) });
  return conclude(figures);
}

/** The tables of one size. What writes and what is about memory is measured on the largest. */
async function measureSize(rows, { only, times, figures, isLargest }) {
  const database = await startDatabase({ dir: options.keep, rows, say });
  try {
    if (only.includes('reads')) {
      say(`reads over ${rows.toLocaleString('en-US')} requests`);
      figures.reads.push({ rows, lines: await measureReads(database.url, { times, say }) });
    }
    if (!isLargest) return;
    if (only.includes('writer'))
      for (const workers of [1, 2])
        figures.writer.push(await measureWriter(database, { requests: WRITER_REQUESTS, workers, say }));
    if (only.includes('export'))
      for (const [what, bytesASecond] of [
        ['export, quick reader', Infinity],
        ['export, slow reader', SLOW],
      ])
        figures.export.push(
          await measureExport(database.url, { what, range: rangeOfRows(EXPORT_ROWS, rows), bytesASecond, say }),
        );
  } finally {
    await database.stop();
  }
}

async function conclude(figures) {
  const missed = misses(figures);
  const machine = { cpus: cpus().length, cpu: cpus()[0]?.model, memory_gb: Math.round(totalmem() / 1e9), node: process.version };
  const result = { at: new Date().toISOString(), machine, ...figures, missed };
  await mkdir(options.out, { recursive: true });
  await writeFile(join(options.out, 'usage.json'), `${JSON.stringify(result, null, 2)}\n`);
  if (figures.reads.length > 0) await writeFile(join(options.out, 'usage.svg'), plot(figures.reads));
  console.log(summaryTable(figures));
  console.log(missed.length === 0 ? '\nEvery target is met.' : `\nMissed:\n${missed.map((one) => `  ${one}`).join('\n')}`);
  return missed.length === 0 ? 0 : 2;
}

function say(line) {
  console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
}

/** `npm run test:faults`: breaks a running gateway in every way we know, and compares the books. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { CATALOGUE } from './catalogue.js';
import { readEnv } from './env.js';
import type { Entry } from './fault-test.js';
import { readOptions, type Options } from './options.js';
import { resultLine, startLine, summary } from './report/lines.js';
import { writeFigures } from './report/page.js';
import type { Result, Run } from './report/result.js';
import { suite } from './run-suite.js';

const args = process.argv.slice(2);
if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(readFileSync(new URL('../help/test-faults.txt', import.meta.url), 'utf8'));
} else {
  try {
    const options = readOptions(args);
    process.exitCode = options.list ? list() : await run(options);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    if (isOptionProblem(error)) console.error('npm run test:faults -- --help says what there is');
    process.exitCode = 1;
  }
}

function isOptionProblem(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

function list(): number {
  for (const { id, fault, pass } of CATALOGUE) console.log(`${id.padStart(4)}  ${fault}: ${pass}`);
  return 0;
}

/** @throws Error for a test that there is not. */
function chosen({ only }: Options): readonly Entry[] {
  if (only === null) return CATALOGUE;
  const unknown = only.filter((id) => !CATALOGUE.some((entry) => entry.id === id));
  if (unknown.length > 0) throw new Error(`there is no test ${unknown.join(', ')}: --list shows them`);
  return CATALOGUE.filter((entry) => only.includes(entry.id));
}

async function run(options: Options): Promise<number> {
  const tests = chosen(options);
  const running = suite(readEnv().path, options);
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      console.error('stopping: ending every process that was started');
      void running.stop().finally(() => process.exit(130));
    });
  }
  const results: Result[] = [];
  for (const test of tests) {
    if (!options.json && 'run' in test) console.error(startLine(test));
    const result = await running.run(test);
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set by a signal during the await
    if (stopping) return 130;
    results.push(result);
    if (!options.json) console.log(resultLine(result));
  }
  await running.stop();
  await tell(options, results);
  return results.every((result) => result.ok) ? 0 : 1;
}

async function tell({ json, report, full, load, seed }: Options, results: Result[]): Promise<void> {
  const at = new Date().toISOString();
  const whole: Run = {
    at,
    node: process.versions.node,
    cores: availableParallelism(),
    version: full ? 'full' : 'short',
    load,
    seed,
    results,
  };
  if (report !== undefined) {
    await writeFigures(report, whole, CATALOGUE);
  }
  console.log(json ? JSON.stringify(whole, null, 2) : summary(results));
}

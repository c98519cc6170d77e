/** `npm run bench`: see help.txt. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stopLoad } from './load.mjs';
import { plotOf } from './plot.mjs';
import { flameGraphs } from './profile.mjs';
import { ratiosTable, runsTable } from './report.mjs';
import { SCALING, SCENARIOS } from './scenarios.mjs';
import { Stack } from './stack.mjs';

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

const options = readOptions();
if (options.help) process.stdout.write(readFileSync(new URL('./help.txt', import.meta.url), 'utf8'));
else process.exitCode = await run(options);

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        only: { type: 'string' },
        rounds: { type: 'string', default: '3' },
        seconds: { type: 'string', default: '3' },
        scale: { type: 'boolean' },
        profile: { type: 'boolean' },
        'no-peers': { type: 'boolean' },
        smoke: { type: 'boolean' },
        out: { type: 'string', default: RESULTS },
      },
    });
    const [rounds, seconds] = [numberOf('rounds', values.rounds), numberOf('seconds', values.seconds)];
    if (!Number.isInteger(rounds)) throw new Error(`--rounds ${rounds}: a whole number`);
    return { ...values, rounds, seconds, chosen: chosenOf(values) };
  } catch (error) {
    console.error(`${error.message}\nnpm run bench -- --help says what there is`);
    process.exit(1);
  }
}

function numberOf(name, text) {
  const number = Number(text);
  if (number > 0 && number <= 600) return number;
  throw new Error(`--${name} ${text}: a number above 0, at most 600`);
}

/** @returns name → scenario, those that `--only` names. */
function chosenOf({ only, scale, smoke }) {
  const all = scale ? SCALING : SCENARIOS;
  const names = only?.split(',') ?? (smoke ? ['hit', 'miss'] : Object.keys(all));
  const unknown = names.find((name) => !Object.hasOwn(all, name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${Object.keys(all).join(', ')}`);
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}

async function run(options) {
  const { scale, profile, smoke, out } = options;
  const profileDir = profile ? `${out}/profiles` : undefined;
  const since = Date.now();
  const stack = new Stack({ profileDir });
  let interrupted = false;
  const stop = () => {
    interrupted = true;
    stopLoad();
    void stack.stop().then(() => process.exit(130));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let results;
  try {
    mkdirSync(out, { recursive: true });
    await stack.start();
    results = await measureAll(stack, options);
  } catch (error) {
    if (!interrupted) console.error(`the benchmark failed: ${error.constructor === Error ? error.message : error.stack}`);
  } finally {
    await stack.stop();
  }
  if (!results || interrupted) return interrupted ? 130 : 1;
  const ratios = Object.values(results).flatMap((result) => result.ratios);
  // A few requests say nothing, and a profile slows what it looks at.
  const judged = !smoke && !profile;
  if (judged) console.log(`\n${ratiosTable(ratios)}`);
  console.log(`\nusage rows and attempts: complete after every run`);
  const file = `${out}/gateway${scale ? '-scale' : ''}`;
  writeFileSync(`${file}.json`, `${JSON.stringify({ machine: machine(), options: told(options), results }, null, 2)}\n`);
  writeFileSync(`${file}.svg`, plotOf(results));
  console.log(`written: ${file}.json, ${file}.svg`);
  if (profileDir) for (const page of flameGraphs(profileDir, since)) console.log(`flame graph: ${page}`);
  return !judged || ratios.every((ratio) => ratio.ok) ? 0 : 2;
}

async function measureAll(stack, { chosen, rounds, seconds, scale, smoke, 'no-peers': noPeers }) {
  const how = {
    rounds: smoke ? 1 : rounds,
    seconds: smoke ? 0.2 : seconds,
    warmUp: smoke ? 100 : undefined,
    scale,
    small: smoke,
    peers: !noPeers && !smoke,
    onRun: (side, { rate, p50, p99 }) =>
      console.error(`  ${side.name}: ${Math.round(rate)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`),
  };
  await stack.ours();
  await stack.providers({ name: 'fast', priority: 1 });
  const results = {};
  for (const [name, scenario] of Object.entries(chosen)) {
    console.error(name);
    results[name] = await scenario(stack, how);
    console.log(`\n${[runsTable(name, results[name].runs), ...(results[name].notes ?? [])].join('\n')}`);
  }
  await stack.books.audit();
  return results;
}

/** What a reader of the results needs to know of how they came about. */
function told({ chosen, rounds, seconds, scale = false, profile = false, smoke = false }) {
  return { only: Object.keys(chosen), rounds, seconds, scale, profile, smoke };
}

function machine() {
  const processors = cpus();
  return { date: new Date().toISOString(), node: process.version, cores: processors.length, cpu: processors[0]?.model };
}

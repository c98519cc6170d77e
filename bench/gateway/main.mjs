/** `npm run bench`: see help.txt. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
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
    return { ...values, chosen: chosenOf(values) };
  } catch (error) {
    console.error(`${error.message}\nnpm run bench -- --help says what there is`);
    process.exit(1);
  }
}

/** @returns name → scenario, those that `--only` names. */
function chosenOf({ only, scale, smoke }) {
  const all = scale ? SCALING : SCENARIOS;
  const names = only?.split(',') ?? (smoke ? ['hit', 'miss'] : Object.keys(all));
  const unknown = names.find((name) => !(name in all));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${Object.keys(all).join(', ')}`);
  return Object.fromEntries(names.map((name) => [name, all[name]]));
}

async function run({ chosen, rounds, seconds, scale, profile, smoke, out, 'no-peers': noPeers }) {
  mkdirSync(out, { recursive: true });
  const profileDir = profile ? `${out}/profiles` : undefined;
  const stack = await Stack.start({ profileDir });
  const stop = () => void stack.stop().then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const how = {
    rounds: smoke ? 1 : Number(rounds),
    seconds: smoke ? 0.2 : Number(seconds),
    warmUp: smoke ? 100 : undefined,
    scale,
    small: smoke,
    peers: !noPeers && !smoke,
    onRun: (side, { rate, p50, p99 }) =>
      console.error(`  ${side.name}: ${Math.round(rate)}/s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`),
  };
  const results = {};
  try {
    await stack.ours();
    await stack.providers({ name: 'fast', priority: 1 });
    for (const [name, scenario] of Object.entries(chosen)) {
      console.error(name);
      results[name] = await scenario(stack, how);
      console.log(`\n${[runsTable(name, results[name].runs), ...(results[name].notes ?? [])].join('\n')}`);
    }
  } finally {
    await stack.stop();
  }
  const ratios = Object.values(results).flatMap((result) => result.ratios);
  // Of a few requests no ratio says anything, and a FAILED beside exit code 0 would only alarm.
  if (!smoke) console.log(`\n${ratiosTable(ratios)}`);
  console.log(`\nusage rows and attempts: complete after every run`);
  const file = `${out}/gateway${scale ? '-scale' : ''}`;
  writeFileSync(`${file}.json`, `${JSON.stringify({ machine: machine(), results }, null, 2)}\n`);
  writeFileSync(`${file}.svg`, plotOf(results));
  console.log(`written: ${file}.json, ${file}.svg`);
  if (profileDir) for (const page of flameGraphs(profileDir)) console.log(`flame graph: ${page}`);
  return smoke || ratios.every((ratio) => ratio.ok) ? 0 : 2;
}

function machine() {
  const processors = cpus();
  return { date: new Date().toISOString(), node: process.version, cores: processors.length, cpu: processors[0]?.model };
}

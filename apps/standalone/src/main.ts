/** `npm start`: the whole gateway on one machine, with what it needs. The API and the worker are the same programs as in production. */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readEnv } from './env.js';
import { plan } from './plan.js';
import { startGateway } from './start-gateway.js';
import { StopList } from './stop-list.js';

const options = readOptions();
if (options.help) {
  process.stdout.write(readFileSync(new URL('../help/start.txt', import.meta.url), 'utf8'));
} else if (options['dry-run']) {
  console.log(await plan(readEnv()));
} else {
  await run();
}

function readOptions(): { help?: boolean; 'dry-run'?: boolean } {
  try {
    return parseArgs({ options: { help: { type: 'boolean', short: 'h' }, 'dry-run': { type: 'boolean' } } }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\nnpm start -- --help says what there is`);
    process.exit(1);
  }
}

async function run(): Promise<void> {
  const env = readEnv();
  const stops = new StopList((line) => console.error(line));
  const end = async (line: string, code: number): Promise<never> => {
    console.error(line);
    await stops.stopAll();
    process.exit(code);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stops.isStopping) {
        stops.killAll(); // the second one means it
        process.exit(130);
      }
      void end('\nstopping', 0);
    });
  }
  const onEnd = (name: string): void => {
    if (!stops.isStopping) void end(`${name} has ended unexpectedly; stopping everything`, 1);
  };
  try {
    await startGateway({ env, stops, say: (line) => console.log(line), onEnd });
  } catch (error) {
    // Stopped while starting: what fails then is the stop at work.
    if (!stops.isStopping) await end(error instanceof Error ? error.message : String(error), 1);
  }
}

/** The operator's commands. Each is started by its npm script, or after a build by `node apps/cli/dist/main.js <command>`. */
import { readFileSync } from 'node:fs';
import { EXIT, OperatorError, type Command, type ExitCode, type Surroundings } from './command.js';
import { readEnv, readGatewayEnv, readKeysEnv, readPricesEnv } from './env.js';

// Loaded when run: the vendors' SDKs alone take half a second, which help and complaints need not wait for.
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  jobs: async () => (await import('./jobs/jobs.js')).jobs,
  'keys:reencrypt': async () => (await import('./keys/reencrypt.js')).reencrypt,
  'prices:recompute': async () => (await import('./prices/recompute.js')).recompute,
  'prices:refresh': async () => (await import('./prices/refresh.js')).refresh,
  'usage:rebuild-rollups': async () => (await import('./usage/rebuild.js')).rebuild,
  'usage:reconcile': async () => (await import('./usage/reconcile.js')).reconcile,
};

const [name = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
if (!command) {
  console.error(`usage: node apps/cli/dist/main.js <${Object.keys(COMMANDS).join('|')}> [--help]`);
  process.exitCode = EXIT.failed;
} else if (args.includes('--help') || args.includes('-h')) {
  process.stdout.write(readFileSync(new URL(`../help/${name.replace(':', '-')}.txt`, import.meta.url), 'utf8'));
} else {
  process.exitCode = await run(command);
}

async function run(load: () => Promise<Command>): Promise<ExitCode> {
  try {
    const runCommand = await load();
    return await runCommand(args, surroundings());
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    if (error instanceof OperatorError) console.error(`npm run ${name} -- --help says what there is`);
    return EXIT.failed;
  }
}

function surroundings(): Surroundings {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) process.exit(EXIT.stopped); // the second one means it
      console.error('stopping after what is under way');
      stop.abort();
    });
  }
  return {
    out: (text) => console.log(text),
    note: (line) => console.error(line),
    signal: stop.signal,
    databaseUrl: () => readEnv().DATABASE_URL,
    pricesFile: () => readPricesEnv().PRICES_FILE,
    gateway: () => {
      const { LGW_URL: url, LGW_ADMIN_KEY: adminKey } = readGatewayEnv();
      return { url, adminKey };
    },
    encryptionKeys: () => readKeysEnv().ENCRYPTION_KEYS,
  };
}
